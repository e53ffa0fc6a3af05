// Package mesh tests what instances do together: that they adopt documents of one etcd without dropping a statement,
// keep the last good ones whatever becomes of the store, and never serve a table under two placements. Real heddle
// processes, a real etcd, real servers. Level: tests.
package mesh
