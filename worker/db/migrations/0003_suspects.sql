-- A task whose process died while it ran, perhaps of a neighbour: it runs alone in a child until it has ended cleanly.

alter table tasks_live add column suspect boolean not null default false;
