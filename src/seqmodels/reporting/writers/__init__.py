"""The forms of a report: terminal, Markdown, page, CSV."""
