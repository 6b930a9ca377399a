"""The HTTP face: reads what the stores hold and answers; FastAPI and uvicorn are known here alone."""
