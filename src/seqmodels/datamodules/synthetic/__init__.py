"""Data that is made when it is read: sine waves, the adding problem, copy memory."""
