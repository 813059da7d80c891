"""The regulations as dated data: bodies, deadlines, articles, working days."""
