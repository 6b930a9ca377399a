"""Files of bars or observations as people have them: what lies in them, which column is what."""
