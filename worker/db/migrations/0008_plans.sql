-- Of two indexes on what waits the planner took the wrong one while it thought the table small, and read it to its end at each round of
-- the relay: 145 ms instead of 0.4 with 100,000 waiting. What read it walks tasks_live_waiting now; each accepted row pays for one less.
drop index tasks_live_due;
