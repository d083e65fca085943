"""What a run reports and writes."""
