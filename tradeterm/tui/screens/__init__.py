"""The work screen and the modals over it."""
