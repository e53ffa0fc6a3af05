// Package layout is the one place that says which key of the store holds what, and how the records of documents are
// written.
//
// It reads and writes nothing itself. Its level: above governance/store, below reload, admin, instance and claim,
// which share it so that none of them has to import another for a key.
//
//	active/<kind>/<name>            Pointer: the version in force, moved in a transaction
//	<kind>/<name>/latest            the highest version number given out
//	<kind>/<name>/v/<n>             Version: an immutable document, as in rules/shop/v/0000000012
//	<kind>/<name>/moves/<serial>    Pointer, again: the journal of its moves
//	barrier/<kind>/<name>/prepare   a placement change that waits for acknowledgements
//	barrier/<kind>/<name>/ack/…     <barrier id>/<instance>: that the instance holds the tables
//	status/<kind>/<instance>        Status: what the instance runs; dies with its lease
//	instances/<instance>            who is alive; dies with its lease
//	neighbours/<instance>           where other instances ask it for its clients; dies with its lease
//	numbers/<n>                     instance numbers; die with the lease
//	members/<instance>              who may be serving, alive or not
//	membership                      written whenever instances or members grow or are evicted
//	claims/epoch                    since when this store knows about claims
//	claims/worker/<n>               worker ids of generated keys, with their end in time
//	sequences/<name>                the next unused value, and who may still give handed out ones
//	revoked/<name>                  below which value holders of ranges have to give them up
//	sharers/<instance>              who shares in the servers' connections; dies with its lease
//	sharers-grew                    written whenever one comes
//	shares/<instance>               by how many it divides a server's connections; dies with its lease
//	rw/orders/<data source>/<addr>  Order: what operators have said of a server
//	rw/switches/<data source>       switchover.Record: a planned switch of its primary that is under way
//	rw/drivers/<data source>        who is at work on it; dies with his lease
//	held/<data source>/<id>/<inst>  that an instance holds the writes of a switch
//	rw/looks/<id>                   somebody looks; dies with his lease
//	seen/<instance>                 SeenBy: what an instance tells him; dies with its lease
//	endpoints/<cluster>/<address>   Endpoint: a server of calls that has registered; dies with its lease
//	ddl/<id>                        journal.Entry: what became of a DDL over several shards; by key means by time
package layout

import (
	"fmt"
	"strings"
)

// The kinds of document.
const (
	Rules = "rules" // one per logical database, by its name
	Users = "users" // the accounts, by the name Mesh
	// Routes says where calls go; by the name Mesh too.
	Routes = "routes"
)

// Mesh is the name of a document of which the mesh has one.
const Mesh = "mesh"

// The keys and prefixes that are not a document's.
const (
	Instances  = "instances/"
	Neighbours = "neighbours/"
	Numbers    = "numbers/"
	Members    = "members/"
	Membership = "membership"
	Epoch      = "claims/epoch"
	Workers    = "claims/worker/"
	Sequences  = "sequences/"
	Revoked    = "revoked/"
	Barriers   = "barrier/"
	DDL        = "ddl/"

	Sharers     = "sharers/"
	SharersGrew = "sharers-grew"
	Shares      = "shares/"
	// RW is what instances follow of what is said of servers.
	RW     = "rw/"
	Orders = RW + "orders/"
	Looks  = RW + "looks/"
	Seen   = "seen/"

	Switches = RW + "switches/"
	Drivers  = RW + "drivers/"
	Held     = "held/"
)

// Document names one document: a kind as above and any non-empty name.
type Document struct{ Kind, Name string }

// Active is the key of the pointer.
func (d Document) Active() string { return ActivePrefix(d.Kind) + escape(d.Name) }

// Latest is the key of the highest version number.
func (d Document) Latest() string { return d.Kind + "/" + escape(d.Name) + "/latest" }

// Versions is the prefix of the versions; by key means by number.
func (d Document) Versions() string { return d.Kind + "/" + escape(d.Name) + "/v/" }

// Version is the key of version n.
func (d Document) Version(n int64) string { return fmt.Sprintf("%s%010d", d.Versions(), n) }

// Moves is the prefix of the pointer's journal; by key means by serial.
func (d Document) Moves() string { return d.Kind + "/" + escape(d.Name) + "/moves/" }

// Move is the key of one entry of the journal.
func (d Document) Move(serial int64) string { return fmt.Sprintf("%s%016d", d.Moves(), serial) }

// Prepare is the key of the pending placement change.
func (d Document) Prepare() string { return Barriers + d.Kind + "/" + escape(d.Name) + "/prepare" }

// Acks is the prefix of the acknowledgements of all barriers of the document.
func (d Document) Acks() string { return Barriers + d.Kind + "/" + escape(d.Name) + "/ack/" }

// Ack is the key of one acknowledgement.
func (d Document) Ack(barrier, instance string) string {
	return d.Acks() + barrier + "/" + escape(instance)
}

// String is kind/name as the operator reads it.
func (d Document) String() string { return d.Kind + "/" + d.Name }

// ActivePrefix is the prefix of the pointers of a kind.
func ActivePrefix(kind string) string { return "active/" + kind + "/" }

// NameIn is the document whose pointer or prepare record the key is.
func NameIn(kind, key string) (string, bool) {
	element, ok := strings.CutPrefix(key, ActivePrefix(kind))
	if !ok {
		element, ok = strings.CutPrefix(key, Barriers+kind+"/")
		if ok {
			element, ok = strings.CutSuffix(element, "/prepare")
		}
	}
	if !ok || strings.Contains(element, "/") {
		return "", false
	}
	name, err := unescape(element)
	return name, err == nil
}

// StatusPrefix is the prefix of the statuses of a kind.
func StatusPrefix(kind string) string { return "status/" + kind + "/" }

// StatusOf is the key of an instance's status.
func StatusOf(kind, instance string) string { return StatusPrefix(kind) + escape(instance) }

// InstanceKey is the key of a living instance.
func InstanceKey(name string) string { return Instances + escape(name) }

// NeighbourKey is the key of what other instances know of one to ask it.
func NeighbourKey(name string) string { return Neighbours + escape(name) }

// Sharer is the key of an instance that shares in the servers' connections.
func Sharer(name string) string { return Sharers + escape(name) }

// ShareOf is the key of an instance's share.
func ShareOf(name string) string { return Shares + escape(name) }

// Number is the key of an instance number.
func Number(n uint16) string { return fmt.Sprintf("%s%04d", Numbers, n) }

// MemberKey is the key of an instance that may be serving.
func MemberKey(name string) string { return Members + escape(name) }

// Worker is the key of a worker id.
func Worker(id uint16) string { return fmt.Sprintf("%s%04d", Workers, id) }

// Sequence is the key of a sequence.
func Sequence(name string) string { return Sequences + escape(name) }

// Revocation is the key of the revocation of a sequence's ranges.
func Revocation(name string) string { return Revoked + escape(name) }

// RevokedIn is the sequence whose revocation the key is.
func RevokedIn(key string) (string, error) {
	return unescape(strings.TrimPrefix(key, Revoked))
}

// InstanceName is the instance in a key whose last element names it.
func InstanceName(key string) (string, error) {
	return unescape(key[strings.LastIndexByte(key, '/')+1:])
}

const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.$"

// escape makes one key element of any name: what is not plain becomes %XX, byte by byte.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		var c byte
		if i+3 > len(s) {
			return "", fmt.Errorf("key element %q ends in the middle of an escape", s)
		}
		if _, err := fmt.Sscanf(s[i+1:i+3], "%02X", &c); err != nil {
			return "", fmt.Errorf("key element %q: %w", s, err)
		}
		b.WriteByte(c)
		i += 2
	}
	return b.String(), nil
}
