-- The window (docs/decisions/0012-the-window.md): a row is QUEUED from the statement that takes it for Redis, so that counting the
-- QUEUED rows of a queue counts what stands there, and nobody holds a lease on a handover any more.
alter table tasks_live drop column handover_until;
-- the task binds each tenant to so many at once
alter table tasks_live add column isolated boolean not null default false;
drop index tasks_live_queued;
-- each write of a row paid for it, and only an operator's purge read it
drop index tasks_live_queue;
create index tasks_live_window on tasks_live (queue, tenant_id) where status = 'QUEUED';
create index tasks_live_waiting on tasks_live (queue, tenant_id, isolated, priority desc, due_at)
  where status in ('PENDING', 'RETRYING');
create index tasks_live_isolated on tasks_live (queue, tenant_id) where isolated and status in ('QUEUED', 'RUNNING');
-- rows come and go by the thousand a second: dead ones are to leave the front of the indexes early
alter table tasks_live set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_vacuum_cost_delay = 1);
