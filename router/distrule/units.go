package distrule

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser/distsql"
	"github.com/heddle-mesh/heddle/router/rule"
)

func (c *change) storageUnits() error {
	if c.st.Verb == distsql.Unregister {
		return c.unregister()
	}
	for i := range c.st.Units {
		u := &c.st.Units[i]
		at := c.source(u.Name)
		switch {
		case at >= 0 && c.st.Verb == distsql.Register:
			if err := c.exists("the storage unit", u.Name); err != nil {
				return err
			}
			continue
		case at < 0 && c.st.Verb == distsql.Alter:
			return c.missing("storage unit", u.Name)
		}
		ds, err := dataSource(u)
		if err != nil {
			return err
		}
		if at < 0 {
			c.d.DataSources = append(c.d.DataSources, ds)
			continue
		}
		old := &c.d.DataSources[at] // what the statement has no words for stays
		ds.Replicas, ds.TLS = old.Replicas, old.TLS
		*old = ds
	}
	return nil
}

func (c *change) unregister() error {
	for _, name := range c.st.Names {
		at := c.source(name)
		if at < 0 {
			if err := c.missing("storage unit", name); err != nil {
				return err
			}
			continue
		}
		if used := UsedBy(c.d, name); len(used) > 0 {
			return sqlerr.RuleRefused("the storage unit " + name + " is used by " + strings.Join(used, ", "))
		}
		c.d.DataSources = slices.Delete(c.d.DataSources, at, at+1)
	}
	return nil
}

// UsedBy lists the rules that name a storage unit or depend on it.
func UsedBy(d *rule.Document, unit string) (out []string) {
	if l, err := d.Resolve(); err == nil {
		for _, t := range l.Tables {
			if slices.ContainsFunc(t.Nodes, func(n rule.Node) bool { return n.DataSource == unit }) {
				out = append(out, "the sharding table rule "+t.Name)
			}
		}
		if l.DefaultDataSource == unit {
			out = append(out, "single tables, whose default it is")
		}
	}
	for _, t := range d.Broadcast {
		out = append(out, "the broadcast table "+t)
	}
	for _, s := range d.Single {
		if s.DataSource == unit {
			out = append(out, "the single tables "+strings.Join(s.Tables, ", "))
		}
	}
	for _, s := range d.Slots {
		if s.Shard == unit || slices.ContainsFunc(d.Shards, func(sh rule.Shard) bool { return sh.Name == s.Shard && sh.DataSource == unit }) {
			out = append(out, "slots")
		}
	}
	return out
}

// dataSource is what a storage unit is in a document.
func dataSource(u *distsql.Unit) (rule.DataSource, error) {
	ds := rule.DataSource{Name: u.Name, Schema: u.DB, User: u.User, Address: u.Host + ":" + u.Port}
	if addr, err := netip.ParseAddr(u.Host); err == nil && addr.Is6() {
		ds.Address = "[" + u.Host + "]:" + u.Port
	}
	switch {
	case u.URL != "":
		at, err := url.Parse(strings.TrimPrefix(u.URL, "jdbc:"))
		if err != nil || at.Host == "" || at.Scheme != "mysql" && at.Scheme != "mariadb" {
			return ds, sqlerr.RuleRefused("the URL of the storage unit " + u.Name + " is none as jdbc:mysql://host:port/schema")
		}
		ds.Address, ds.Schema = at.Host, strings.TrimPrefix(at.Path, "/")
		if at.Port() == "" {
			ds.Address += ":3306"
		}
	case strings.HasPrefix(u.Host, "/"):
		ds.Address = u.Host // a unix socket
	case u.Port == "":
		ds.Address = u.Host + ":3306"
	}
	if u.Password != "" {
		ds.Password = rule.Secret(u.Password)
		if ds.Password.Kind() == "" {
			return ds, sqlerr.RuleRefused("the password of the storage unit " + u.Name + " stands in the statement: rules hold references, \"env:NAME\" or \"file:/path\" of each instance's machine")
		}
	}
	return ds, pool(&ds, u)
}

// pool reads the properties of a connection pool, which ShardingSphere's users know by the names of several.
func pool(ds *rule.DataSource, u *distsql.Unit) error {
	for _, p := range u.Properties {
		n, err := strconv.Atoi(p.Value)
		if err != nil || n < 0 {
			return sqlerr.RuleRefused(fmt.Sprintf("the property %s of the storage unit %s: %q is no whole number", p.Key, u.Name, p.Value))
		}
		millis := time.Duration(n) * time.Millisecond
		switch strings.ToLower(p.Key) {
		case "maximumpoolsize", "maxpoolsize":
			ds.Pool.Max = n
		case "minimumidle", "minpoolsize":
			ds.Pool.MinIdle = n
		case "connectiontimeout", "connectiontimeoutmilliseconds":
			ds.Pool.Wait = millis
		case "idletimeout", "idletimeoutmilliseconds":
			ds.Pool.Idle = millis
		case "maxlifetime", "maxlifetimemilliseconds":
			ds.Pool.Life = millis
		default:
			return sqlerr.NotSupported("the property " + p.Key + " of a storage unit; known: maximumPoolSize, minimumIdle, connectionTimeout, idleTimeout, maxLifetime")
		}
	}
	return nil
}

// readwrite makes replicas of storage units, which then are no units any more.
func (c *change) readwrite() error {
	if c.st.Verb == distsql.Drop {
		for _, name := range c.st.Names {
			at := c.source(name)
			if at < 0 || len(c.d.DataSources[at].Replicas) == 0 {
				if err := c.missing("read/write splitting rule", name); err != nil {
					return err
				}
				continue
			}
			c.d.DataSources[at].Replicas = nil
		}
		return nil
	}
	for i := range c.st.Groups {
		if err := c.splitting(&c.st.Groups[i]); err != nil {
			return err
		}
	}
	return nil
}

// account is what a replica has in common with its primary: account and schema, defaults filled in.
func (c *change) account(ds rule.DataSource) [3]string {
	out := [3]string{ds.Schema, ds.User, string(ds.Password)}
	if out[0] == "" {
		out[0] = c.d.Database
	}
	if out[1] == "" {
		out[1], out[2] = c.d.Defaults.User, string(c.d.Defaults.Password)
	} else if out[1] == c.d.Defaults.User && out[2] == "" {
		out[2] = string(c.d.Defaults.Password)
	}
	return out
}

func (c *change) splitting(g *distsql.Group) error {
	at := c.source(g.Write)
	switch {
	case at < 0:
		return sqlerr.RuleRefused("there is no storage unit " + g.Write)
	case g.Transactional != "" && g.Transactional != "PRIMARY":
		return sqlerr.NotSupported("TRANSACTIONAL_READ_QUERY_STRATEGY=" + g.Transactional + ": reads inside of transactions go to the primary")
	case c.st.Verb == distsql.Create && len(c.d.DataSources[at].Replicas) > 0:
		return c.exists("the read/write splitting rule", g.Write)
	case c.st.Verb == distsql.Alter && len(c.d.DataSources[at].Replicas) == 0:
		return c.missing("read/write splitting rule", g.Write)
	case g.Type.Name != "" && g.Type.Name != "weight":
		return sqlerr.NotSupported("the load balancer " + g.Type.Name + " in a statement: the rule document says how replicas are read")
	}
	primary, old := c.d.DataSources[at], c.d.DataSources[at].Replicas
	var replicas []rule.Replica
	for _, name := range g.Reads {
		address := name
		if i := c.source(name); i >= 0 {
			read := c.d.DataSources[i]
			if used := UsedBy(c.d, name); len(used) > 0 {
				return sqlerr.RuleRefused("the storage unit " + name + " cannot be a replica, as it is used by " + strings.Join(used, ", "))
			}
			if c.account(read) != c.account(primary) {
				return sqlerr.RuleRefused("the storage unit " + name + " has another account or schema than " + g.Write + ", whose replica it would be")
			}
			address = read.Address
			c.d.DataSources = slices.Delete(c.d.DataSources, i, i+1)
			c.note("the storage unit %s is the replica %s of %s now, and no unit of its own", name, address, g.Write)
		} else if !slices.ContainsFunc(old, func(r rule.Replica) bool { return r.Address == name }) {
			return sqlerr.RuleRefused("there is no storage unit " + name)
		}
		r := rule.Replica{Address: address}
		if w, ok := g.Type.Get(name); ok {
			n, err := strconv.Atoi(w)
			if err != nil || n < 1 {
				return sqlerr.RuleRefused("the weight " + w + " of " + name + " is no whole number from 1")
			}
			r.Weight = n
		}
		replicas = append(replicas, r)
	}
	c.d.DataSources[c.source(g.Write)].Replicas = replicas
	if !strings.EqualFold(g.Name, g.Write) {
		c.note("the rule is called %s, as its primary: rules go on to name that", g.Write)
	}
	return nil
}
