-- What each person was in when they last sent something: bit n for segment n.
create table held (person int primary key, segments int not null);
create table change (id bigint generated always as identity primary key,
  segment int not null, person int not null, entered boolean not null, at bigint not null);

-- All that the twenty segments ask of one person at an instant. Each name of event is looked up in its own, longest
-- window, from the index alone.
create function segments_of(who int, at bigint) returns int stable language plpgsql as $$
declare
  day constant bigint := 86400000;
  somebody person;
  pages record; views record; added record; clicks record; orders record;
  mx boolean; female boolean; male boolean;
  spender boolean; large boolean;
begin
  select * into somebody from person where id = who;
  select count(*) as week, count(*) filter (where ts > at - day) as today,
      count(*) filter (where ts > at - 2 * day and page < 5) as low
    into pages from event where person = who and name = 'Page Viewed' and ts > at - 7 * day and ts <= at;
  select count(*) as week, count(distinct product) as products, count(*) filter (where ts > at - day) as today,
      count(*) filter (where ts > at - 3 * day and product < 50) as popular
    into views from event where person = who and name = 'Product Viewed' and ts > at - 7 * day and ts <= at;
  select count(*) as week, count(*) filter (where ts > at - 3 * day) as three_days,
      count(*) filter (where ts > at - day) as today, count(*) filter (where ts > at - day / 4) as now
    into added from event where person = who and name = 'Product Added' and ts > at - 7 * day and ts <= at;
  select count(*) as month, max(ts) as newest
    into clicks from event where person = who and name = 'Link Clicked' and ts > at - 30 * day and ts <= at;
  select min(ts) as oldest, max(ts) as newest, count(*) filter (where ts > at - 30 * day) as month,
      coalesce(sum(total_cents) filter (where ts > at - 30 * day), 0) as month_cents,
      coalesce(max(total_cents) filter (where ts > at - 30 * day), 0) as largest,
      coalesce(sum(total_cents) filter (where ts > at - 7 * day), 0) as week_cents
    into orders from event where person = who and name = 'Order Completed' and ts <= at;
  mx := somebody.country = 'MX'; female := somebody.gender = 'female'; male := somebody.gender = 'male';
  spender := orders.week_cents >= 50000; large := orders.largest >= 30000;
  -- All of these operators bind alike in PostgreSQL: each bit needs its parentheses.
  return ((mx and orders.month >= 2)::int << 1)
    | (spender::int << 2)
    | ((views.today > 0 and coalesce(orders.newest <= at - day, true))::int << 3)
    | ((female and coalesce(clicks.newest > at - 3 * day, false))::int << 4)
    | ((pages.week >= 10)::int << 5)
    | ((added.now > 0 and coalesce(orders.newest <= at - day / 4, true))::int << 6)
    | ((somebody.country in ('MX', 'AR') and orders.month_cents >= 100000)::int << 7)
    | (coalesce(orders.newest <= at - 14 * day, false)::int << 8)
    | ((pages.week + views.week + added.week = 0 and coalesce(clicks.newest <= at - 7 * day, true)
        and coalesce(orders.newest <= at - 7 * day, true))::int << 9)
    | ((orders.month >= 2 and orders.month_cents >= 15000 * orders.month)::int << 10)
    | ((views.products >= 5)::int << 11)
    | ((views.popular > 0 and added.three_days = 0)::int << 12)
    | (large::int << 13)
    | (coalesce(orders.oldest > at - 7 * day, false)::int << 14)
    | ((male and (views.today >= 3 or added.today >= 1))::int << 15)
    | ((clicks.month >= 3 and orders.month = 0)::int << 16)
    | ((somebody.country = 'US' and female and pages.low > 0)::int << 17)
    | ((somebody.country = 'BR' and orders.month between 1 and 2)::int << 18)
    | (((spender or large) and not mx)::int << 19)
    | ((pages.today > 0 and clicks.month = 0)::int << 20);
end $$;

-- Takes events in, each once, in their order, and after each of them notes what its person entered and left.
create function take(ids bigint[], people int[], names text[], instants bigint[], cents int[], products int[], pages int[])
returns void language plpgsql as $$
declare
  was int; becomes int;
begin
  for place in 1 .. cardinality(ids) loop
    insert into event values (ids[place], people[place], names[place], instants[place], cents[place], products[place],
      pages[place]) on conflict (id) do nothing;
    continue when not found;
    becomes := segments_of(people[place], instants[place]);
    select segments into was from held where person = people[place];
    was := coalesce(was, 0);
    continue when was = becomes;
    insert into held values (people[place], becomes) on conflict (person) do update set segments = excluded.segments;
    insert into change (segment, person, entered, at)
      select bit, people[place], becomes >> bit & 1 = 1, instants[place]
      from generate_series(1, 20) as bit where (was # becomes) >> bit & 1 = 1;
  end loop;
end $$;
