create table person (id int primary key, country text not null, gender text not null);
create table event (id bigint not null, person int not null, name text not null, ts bigint not null,
  total_cents int, product int, page int);
create table membership (segment int not null, person int not null);
