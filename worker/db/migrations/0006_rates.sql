-- Token buckets of rate limits, of a queue (tenant 0) or of a tenant in a queue; filled by the database's clock when they are read.
create table rate_buckets (
  queue text not null,
  tenant_id uuid not null,
  tokens float8 not null,
  filled_at timestamptz not null default clock_timestamp(),
  primary key (queue, tenant_id)
);
create index rate_buckets_filled on rate_buckets (filled_at);
