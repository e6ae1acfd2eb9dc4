-- A claim finds its rows by their ids. After an analysis of the empty table, which is how it stands when all is done, reading the whole of an index
-- with the id further down looks cheaper than ten looks at the first: all its dead entries, at each claim, until the next analysis. So the
-- id stands in no other index. The lists sort what was accepted in the same microsecond themselves. Its entries differ as before, so there is nothing
-- to fold.
drop index tasks_live_tenant;
create index tasks_live_tenant on tasks_live (tenant_id, accepted_at desc) with (deduplicate_items = off);
