-- Which stream a position belongs to: when JetStream made it. A stream of the same name that was made later, as after a
-- server lost its disk, numbers its messages anew. Null in checkpoints of older versions, until the projection starts.
alter table projection_checkpoints add column stream_created text;
