// Package sysview puts what clients ask about the database itself — SHOW, DESCRIBE, information_schema — to one plain
// server and to heddle over both layouts, and compares all that a driver sees. It uses the differential layer's
// connections and comparison. Level: tests.
package sysview
