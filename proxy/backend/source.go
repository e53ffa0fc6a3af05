package backend

import (
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"
)

// DataSource is what is needed to reach one server with one account and one schema.
type DataSource struct {
	Name     string
	Addr     string // host:port, or the path of a unix socket
	User     string
	Password Secret
	Schema   string // the schema a connection starts in; "": none
	TLS      TLS

	// ServerKey, where set, encrypts the password for caching_sha2_password's full path without TLS. Without it the
	// server is asked for its key, which somebody who can change packets on the way could replace by his own.
	ServerKey *rsa.PublicKey

	// Replicas are the addresses of servers that follow the one at Addr, and may take its place. Each has a pool of its own, under
	// the name that Endpoint gives, whose connections only read; and what is written by others is told of, see Writer.
	Replicas []string
	// FailoverWait is how long statements wait for a server that takes writes, counted from its end; 0: not at all.
	FailoverWait time.Duration

	Attrs map[string]string // connection attributes, shown by the server's performance schema

	Limits Limits

	reads bool // it is an endpoint that is only read
}

// Secret is a text that does not print.
type Secret string

// String hides the text.
func (Secret) String() string { return "***" }

// GoString hides the text.
func (Secret) GoString() string { return "***" }

// TLSMode says how far a connection insists on encryption.
type TLSMode uint8

// The modes.
const (
	TLSOff       TLSMode = iota
	TLSPreferred         // if the server offers it; the certificate is not looked at
	TLSRequired          // always; the certificate is not looked at
	TLSVerify            // always; the certificate must be valid for the name
)

// TLS is how a data source's connections are encrypted.
type TLS struct {
	Mode TLSMode
	// Config holds roots, client certificates and the server's name; it is cloned. Nil: the system's roots, and the
	// host of Addr.
	Config *tls.Config
	// Made stands for the contents of which Config was made: where it is equal, and not empty, so are the Configs. Empty: a Config is
	// equal to itself only.
	Made string
}

// Alike reports whether connections that t has encrypted serve o as well.
func (t TLS) Alike(o TLS) bool {
	return t.Mode == o.Mode && t.Made == o.Made && (t.Config == o.Config || t.Made != "")
}

// Limits bound a data source's connections. The zero of a field means its default; counts are over all flags.
type Limits struct {
	MaxOpen        int           // connections, lent and idle; default 100
	Budget         int           // connections of all processes to the server, see Pools.Divide; 0: they are not counted together
	Least          int           // that this process may have of Budget in any case; default 1
	MaxIdle        int           // connections kept while nobody uses them; default MaxOpen
	MinIdle        int           // connections opened and kept though nobody uses them, within MaxOpen and MaxIdle
	WaitTimeout    time.Duration // for a free connection; default 10 s
	ConnectTimeout time.Duration // for dial and login; default 5 s
	HangTimeout    time.Duration // of a server that answers nothing, after which it hangs; 0: it is waited for
	SilenceTimeout time.Duration // of the server's machine, TCP only, for connections opened from now on; default 30 s
	IdleTime       time.Duration // after which an unused connection is closed; default 10 min
	Lifetime       time.Duration // after which a connection is not lent any more; default 1 h
	PingAfter      time.Duration // idle time after which the server is asked before a loan; default 30 s
	KillTimeout    time.Duration // for KILL on a connection of its own; default 5 s
	RetryAfter     time.Duration // longest pause between dials of a server that does not answer; default 2 s
	Statements     int           // prepared statements kept per connection; default 64
	StatementBytes int           // their texts and columns, bytes per connection; default 1 MiB
}

func orDefault[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

func (l Limits) withDefaults() Limits {
	orDefault(&l.MaxOpen, 100)
	orDefault(&l.Least, 1)
	orDefault(&l.MaxIdle, l.MaxOpen)
	l.MinIdle = min(l.MinIdle, l.MaxIdle)
	orDefault(&l.WaitTimeout, 10*time.Second)
	orDefault(&l.ConnectTimeout, 5*time.Second)
	orDefault(&l.SilenceTimeout, 30*time.Second)
	orDefault(&l.IdleTime, 10*time.Minute)
	orDefault(&l.Lifetime, time.Hour)
	orDefault(&l.PingAfter, 30*time.Second)
	orDefault(&l.KillTimeout, 5*time.Second)
	orDefault(&l.RetryAfter, 2*time.Second)
	orDefault(&l.Statements, 64)
	orDefault(&l.StatementBytes, 1<<20)
	return l
}

// validate says what makes d unusable.
func (d *DataSource) validate() error {
	switch {
	case d.Name == "":
		return errors.New("a data source has no name")
	case d.Addr == "":
		return fmt.Errorf("data source %s has no address", d.Name)
	case d.TLS.Mode > TLSVerify:
		return fmt.Errorf("data source %s: TLS mode %d is none", d.Name, d.TLS.Mode)
	}
	return nil
}

// network is what net.Dialer wants beside Addr.
func (d *DataSource) network() string {
	if strings.HasPrefix(d.Addr, "/") {
		return "unix"
	}
	return "tcp"
}

// sameServer reports whether connections made by d serve o as well: all but the limits is equal.
func (d *DataSource) sameServer(o *DataSource) bool {
	if len(d.Attrs) != len(o.Attrs) {
		return false
	}
	for k, v := range d.Attrs {
		if w, ok := o.Attrs[k]; !ok || w != v {
			return false
		}
	}
	sameKey := d.ServerKey == o.ServerKey || d.ServerKey != nil && o.ServerKey != nil && d.ServerKey.Equal(o.ServerKey)
	return d.Name == o.Name && d.Addr == o.Addr && d.User == o.User && d.Password == o.Password &&
		d.Schema == o.Schema && d.TLS.Alike(o.TLS) && sameKey &&
		d.reads == o.reads && (len(d.Replicas) > 0) == (len(o.Replicas) > 0) && d.FailoverWait == o.FailoverWait
}
