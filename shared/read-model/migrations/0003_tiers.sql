-- Tiers are data of the limits policy: any name of the contract's form.
alter table users drop constraint users_tier_check;
alter table users add constraint users_tier_check check (tier ~ '^[a-z][a-z0-9_-]{0,31}$');
