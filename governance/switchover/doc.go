// Package switchover moves the writes of a data source to another of its servers, in an orderly way: the instances hold writes, the old
// primary is made read-only, the new one gets all it has and takes writes, and the rest follows it. What is under way stands in
// the store before it is done, so that whoever comes later can finish or undo it. It decides nothing about who should be the
// primary, and nothing when one is lost: governance/topology sees what others have promoted. It speaks to servers of MariaDB and of MySQL, with
// an account of its own. See DESIGN.md. Level: governance, above governance/store and governance/layout.
package switchover
