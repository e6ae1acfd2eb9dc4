-- Flows (docs/decisions/0015-flows.md): tasks that wait for others. A row that waits is PENDING and due at infinity, so that neither
-- window nor claim take it; the end of a task it waits for frees it or cancels it, in the transaction of that end.
create table flows (
  id uuid primary key,
  tenant_id uuid not null,
  -- of the request: the same one sent again gets the old answer
  digest bytea not null,
  -- in the order of the request
  task_ids uuid[] not null,
  created_at timestamptz not null default now()
);
create index flows_created on flows (created_at);

create table task_links (
  parent_id uuid not null,
  child_id uuid not null,
  flow_id uuid not null,
  -- the parent's place among those of the child
  place integer not null,
  -- seconds that the child waits once it is free
  countdown float8,
  primary key (parent_id, child_id)
);
create index task_links_child on task_links (child_id, place);
create index task_links_flow on task_links (flow_id);

alter table tasks_live
  add column flow_id uuid,
  -- so many parents have not completed
  add column waiting_for integer not null default 0,
  -- others wait for it
  add column leads boolean not null default false;
alter table tasks_finished
  -- for a dead letter that is retried
  add column isolated boolean not null default false,
  add column flow_id uuid,
  add column leads boolean not null default false;
create index tasks_live_flow on tasks_live (flow_id) where flow_id is not null;
create index tasks_finished_flow on tasks_finished (flow_id) where flow_id is not null;

create or replace view tasks as
  select id, tenant_id, user_id, name, queue, status, priority, payload, attempts, deaths, epoch, worker, unique_key,
         nullif(due_at, 'infinity') as due_at, expires_at, accepted_at, started_at, null::timestamptz as finished_at, progress,
         null::jsonb as result, error, error_history, redis_job_id, false as dead_letter, flow_id, waiting_for
    from tasks_live
  union all
  select id, tenant_id, user_id, name, queue, status, priority, payload, attempts, deaths, epoch, worker, unique_key,
         nullif(due_at, 'infinity') as due_at, expires_at, accepted_at, started_at, finished_at, progress,
         result, error, error_history, redis_job_id, dead_letter, flow_id, 0 as waiting_for
    from tasks_finished;

-- The step of a flow, after every statement that ends tasks, whoever wrote it. Rows are locked in the order of their ids before
-- they are changed, and counted in the newer snapshot of the next statement: two parents that end at once count one after another.
-- Its plans are kept by a session, perhaps from when the tables were empty. So rows are named by arrays of ids, and found by index.
create function advance_flows() returns trigger language plpgsql
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  done uuid[];
  lost uuid[];
  children uuid[];
  causes uuid[];
begin
  -- what this very function cancels leads to nothing that still lives
  if not exists (select from ended where leads and error ->> 'code' is distinct from 'parent_ended') then
    return null;
  end if;
  select array_agg(id) filter (where status = 'COMPLETED'),
         array_agg(id) filter (where status <> 'COMPLETED' and error ->> 'code' is distinct from 'parent_ended')
    into done, lost from ended where leads;
  if done is not null then
    select array_agg(distinct child_id order by child_id) into children from task_links where parent_id = any (done);
    perform from tasks_live where id = any (children) order by id for update;
    update tasks_live t
       set waiting_for = t.waiting_for - freed.parents,
           due_at = case when t.waiting_for > freed.parents then t.due_at
                         else clock_timestamp() + make_interval(secs => coalesce(freed.countdown, 0)) end
      from (select child_id, count(*)::integer as parents, max(countdown) as countdown
              from task_links where parent_id = any (done) group by child_id) as freed
     where t.id = any (children) and t.id = freed.child_id and t.waiting_for > 0;
  end if;
  if lost is not null then
    with recursive down as (
      select child_id, min(parent_id::text)::uuid as cause from task_links where parent_id = any (lost) group by child_id
      union
      select next.child_id, down.cause from down
       cross join lateral (select from tasks_live where id = down.child_id and leads offset 0) as waits
       cross join lateral (select child_id from task_links where parent_id = down.child_id offset 0) as next)
    select array_agg(child_id order by child_id), array_agg(cause order by child_id) into children, causes
      from (select distinct on (child_id) child_id, cause from down order by child_id, cause) as doomed;
    perform from tasks_live where id = any (children) and waiting_for > 0 order by id for update;
    with gone as (
      delete from tasks_live where id = any (children) and waiting_for > 0
      returning *, causes[array_position(children, id)] as cause)
    insert into tasks_finished (id, tenant_id, user_id, name, queue, status, priority, payload, trace, attempts, deaths, epoch,
      worker, unique_key, accepted_at, due_at, expires_at, started_at, finished_at, progress, error, error_history, redis_job_id,
      isolated, flow_id, leads)
    select id, tenant_id, user_id, name, queue, 'CANCELLED', priority, payload, trace, attempts, deaths, epoch + 1,
      worker, unique_key, accepted_at, due_at, expires_at, started_at, clock_timestamp(), progress,
      jsonb_build_object('code', 'parent_ended', 'parent', cause, 'message', format('Task %s, which it waited for, ended as %s.',
        cause, (select e.status from ended e where e.id = cause limit 1))),
      error_history, redis_job_id, isolated, flow_id, leads
      from gone;
  end if;
  return null;
end $$;
create trigger advance_flows after insert on tasks_finished
  referencing new table as ended for each statement execute function advance_flows();
