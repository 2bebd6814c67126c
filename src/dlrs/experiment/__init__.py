"""Online tests: who meets which arm, interleaved lists, and what came of it; on simulated or real logs."""
