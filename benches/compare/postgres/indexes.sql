alter table event add primary key (id);
-- What happened in a window, and what one person did of a kind: either is answered from the index alone.
create index on event (name, ts) include (person, total_cents, product, page);
create index on event (person, name, ts) include (total_cents, product, page);
vacuum analyze event;
vacuum analyze person;
