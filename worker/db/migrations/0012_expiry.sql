-- A task that has begun an attempt no longer expires. While the index held such rows too, each look for what has expired, five times a second
-- in every process, read those again that wait for another attempt with their expiry behind them.
drop index tasks_live_expires;
create index tasks_live_expires on tasks_live (expires_at) where expires_at is not null and started_at is null;
