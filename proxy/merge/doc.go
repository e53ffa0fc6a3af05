// Package merge puts the rows of several shards together so that they read as the answer of one server. It is a set
// of streaming operators over RowStream, each in a file of its own, and Build, which makes a tree of them from a plan.
//
// It is not an SQL engine: no expression is evaluated here, no collation is known. What a shard can compute is asked
// of the shard; an operator compares, counts and adds. Its level: above it the session writes rows to a client, below
// it the executor opens one stream per shard; it sees neither sockets nor packets.
//
// # Order
//
// Order and equality are the server's. A key is encoded once per row into bytes whose memcmp order is the server's
// order and whose equality is the server's equality; merging, sorting, grouping, deduplicating and spilling all work
// on those bytes and never look at a cell again:
//
//   - NULL sorts first, last when descending.
//   - Numbers, dates and times are decoded from their text. A cell that does not read as its column's type is an
//     error, never a guess.
//   - FLOAT prints six digits and so hides a part of its value: as a sort, group or distinct key it needs a companion
//     column that holds it as DOUBLE.
//   - Text, ENUM, SET, UUID, INET6 and JSON say nothing about their order: a key on them names a companion column
//     (Key.Weight) that does, WEIGHT_STRING(…) for text, col+0 for ENUM. A text key without one is an internal
//     error; its bytes are never compared. A companion that is NULL while its column is not (the weight was longer
//     than the server would compute) is an error as well.
//   - UUID, INET4 and INET6 print equal values alike: they can be grouped and deduplicated as they are, by operators that
//     do not rely on the shards' order of them.
//   - PAD SPACE weights may come unpadded when Key.Pad holds the collation's weight of a space.
//   - Equal keys keep the order of the inputs: the lower shard first, within a shard as it sent them. What the server
//     itself leaves open (ties, which of 'a' and 'A' stands for a group) is thereby the same at every run.
//
// MariaDB sends BIT in two forms: a column as its bytes, an expression of type BIT (MIN(b), COALESCE(b, …)) as decimal
// text; the BINARY flag of the column definition tells them apart, and shards that differ in it are refused.
//
// # Memory
//
// A row is valid until the stream's next Next or Close; an operator that keeps more copies it and accounts the copy
// with its real size: bytes, headers and the map or slice entry that holds it. Concat, MergeSort, Limit, Project,
// Distinct over sorted input and Aggregate over sorted input hold one row per input, however long the answer is, and
// allocate nothing per row. HashDistinct, hash aggregation, Sort, GROUP_CONCAT and DISTINCT within aggregates grow
// with the data: they reserve from the query's Budget, which reserves from the process's. Sort goes to disk when the
// budget is spent, and Build turns a hash aggregation into a sort and a streaming one where a spill directory is
// given; otherwise the statement ends with sqlerr.MemoryExceeded, which names the operator and the setting.
//
// # Closing
//
// Whoever builds an operator gives it its inputs: Close closes them, once. An input that has reached its end is closed
// at once, so that the shard's connection is free before the other shards are done; Limit closes everything below
// it as soon as it has what it needs. No operator starts a goroutine: the shards run ahead as far as the sockets' buffers let them.
package merge
