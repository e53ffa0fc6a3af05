package sidecar

import (
	"net"
	"os"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/session"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/neighbour"
)

// local is this instance, for others.
type local struct{ process *Process }

// Kill implements neighbour.Local.
func (l local) Kill(by session.Identity, id uint32, query bool) error {
	if s := l.process.statements.Load(); s != nil {
		return s.server.Kill(by, id, query)
	}
	return sqlerr.NoSuchThread(uint64(id))
}

// List implements neighbour.Local.
func (l local) List() []session.Info { return l.process.sessions() }

// Rows implements neighbour.Local.
func (l local) Rows(q neighbour.Question) (columns []string, rows []sqltypes.Row) {
	t := l.process.instanceTables()[q.Table]
	if t == nil || !t.open && !q.Admin {
		return nil, nil
	}
	for i := range t.columns {
		columns = append(columns, t.columns[i].Name)
	}
	return columns, t.rows(sysview.Reader{User: q.User, Admin: q.Admin})
}

// peerAddress is where the instance listens for others: on any port where it listens for clients, unless the configuration says.
func peerAddress(c *config.Config) string {
	if c.Instance.PeerAddress != "" {
		return c.Instance.PeerAddress
	}
	for _, a := range c.Listen.Address {
		if host, _, err := net.SplitHostPort(a); err == nil {
			return net.JoinHostPort(host, "0")
		}
	}
	return "127.0.0.1:0" // all clients are on this machine
}

// peerHost is the host under which others reach that.
func peerHost(c *config.Config) string {
	listens, _, _ := net.SplitHostPort(peerAddress(c)) // "" where it is wrong, which listening tells
	known, _, _ := net.SplitHostPort(c.Instance.Address)
	every := listens == ""
	if ip := net.ParseIP(listens); ip != nil {
		every = ip.IsUnspecified()
	}
	switch {
	case !every && (c.Instance.PeerAddress != "" || known == ""):
		return listens
	case known != "":
		return known
	}
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
