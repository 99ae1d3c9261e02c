-- 1
with buyers as (select person, count(*) as orders from event
  where name = 'Order Completed' and ts > {30d} and ts <= {now} group by person)
select id from person, buyers where buyers.person = id and orders >= 2 and country = 'MX';
-- 2
select person from event where name = 'Order Completed' and ts > {7d} and ts <= {now}
group by person having sum(total_cents) >= 50000;
-- 3
select person from event where name = 'Product Viewed' and ts > {1d} and ts <= {now}
except select person from event where name = 'Order Completed' and ts > {1d} and ts <= {now};
-- 4
select id from person where gender = 'female'
  and id in (select person from event where name = 'Link Clicked' and ts > {3d} and ts <= {now});
-- 5
select person from event where name = 'Page Viewed' and ts > {7d} and ts <= {now}
group by person having count(*) >= 10;
-- 6
select person from event where name = 'Product Added' and ts > {6h} and ts <= {now}
except select person from event where name = 'Order Completed' and ts > {6h} and ts <= {now};
-- 7
with buyers as (select person, sum(total_cents) as spent from event
  where name = 'Order Completed' and ts > {30d} and ts <= {now} group by person)
select id from person, buyers where buyers.person = id and spent >= 100000 and country in ('MX', 'AR');
-- 8
select person from event where name = 'Order Completed' and ts <= {now} group by person having max(ts) <= {14d};
-- 9
select id from person except select person from event where ts > {7d} and ts <= {now};
-- 10
select person from event where name = 'Order Completed' and ts > {30d} and ts <= {now}
group by person having count(*) >= 2 and sum(total_cents) >= 15000 * count(*);
-- 11
select person from event where name = 'Product Viewed' and ts > {7d} and ts <= {now}
group by person having count(distinct product) >= 5;
-- 12
select person from event where name = 'Product Viewed' and product < 50 and ts > {3d} and ts <= {now}
except select person from event where name = 'Product Added' and ts > {3d} and ts <= {now};
-- 13
select distinct person from event where name = 'Order Completed' and total_cents >= 30000 and ts > {30d} and ts <= {now};
-- 14
select person from event where name = 'Order Completed' and ts <= {now} group by person having min(ts) > {7d};
-- 15
with seen as (select person, sum(case when name = 'Product Viewed' then 1 else 0 end) as views,
    sum(case when name = 'Product Added' then 1 else 0 end) as added
  from event where name in ('Product Viewed', 'Product Added') and ts > {1d} and ts <= {now} group by person)
select id from person, seen where seen.person = id and gender = 'male' and (views >= 3 or added >= 1);
-- 16
select person from event where name = 'Link Clicked' and ts > {30d} and ts <= {now} group by person having count(*) >= 3
except select person from event where name = 'Order Completed' and ts > {30d} and ts <= {now};
-- 17
select id from person where country = 'US' and gender = 'female'
  and id in (select person from event where name = 'Page Viewed' and page < 5 and ts > {2d} and ts <= {now});
-- 18
with buyers as (select person, count(*) as orders from event
  where name = 'Order Completed' and ts > {30d} and ts <= {now} group by person)
select id from person, buyers where buyers.person = id and orders <= 2 and country = 'BR';
-- 19
select id from person where country <> 'MX' and id in (select person from membership where segment in (2, 13));
-- 20
select person from event where name = 'Page Viewed' and ts > {1d} and ts <= {now}
except select person from event where name = 'Link Clicked' and ts > {30d} and ts <= {now};
