"""Many runs of one command: the folder, the jobs, the launcher, and going on with it."""
