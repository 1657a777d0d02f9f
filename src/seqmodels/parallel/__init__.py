"""Many jobs side by side on one machine: who runs where (slots), and the processes (pool)."""
