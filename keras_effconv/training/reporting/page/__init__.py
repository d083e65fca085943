"""`report.html`: one file that shows what a run came to, and refers to nothing outside itself."""
