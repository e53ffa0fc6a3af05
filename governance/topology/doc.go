// Package topology finds out which server of a data source is its primary and how the others follow it. A Watcher asks each
// server on a connection of its own, within a bound, and Judge makes of the answers a View: who gets writes, who may be read
// and since when, and why. Judge is a pure function of what was seen, the View before and a Policy: no clock, no goroutine, no
// server. The package promotes nobody and re-points nobody; it sends SELECT and SHOW only. It reads MariaDB's replication and MySQL's
// by GTID; of a server that it cannot ask, nothing is concluded. See DESIGN.md. Level: governance; above internal/gtid, below sidecar.
package topology
