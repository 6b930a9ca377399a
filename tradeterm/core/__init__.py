"""The words everyone speaks: time, markets, signals, stages, ids, errors. Standard library only, numpy for types."""
