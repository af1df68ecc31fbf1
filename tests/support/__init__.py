"""What tests share: a lake and a tracker in memory, a clock that is told the time, calls that fail on cue."""
