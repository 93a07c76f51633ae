# core/bench
