"""The six panes of the work screen."""
