-- Whether a worker takes what waits in the ledger by itself. Where all workers of a queue do, the relay leaves the backlog to them; while
-- one of a former release is among them, it fills the window as before.
alter table workers add column pulls boolean not null default false;
