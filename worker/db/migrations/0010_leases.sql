-- Each run leaves a dead entry in the index of leases until the next vacuum. While its predicate was the state, what asks for runs by
-- their ids was answered through it: past all of those entries. By this predicate it serves only who asks for leases.
drop index tasks_live_lease;
create index tasks_live_lease on tasks_live (lease_until) where lease_until is not null;
