package sidecar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/reload"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/observe"
	"github.com/heddle-mesh/heddle/sidecar/rpc"
	"github.com/heddle-mesh/heddle/sidecar/rpc/discovery"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
	"github.com/heddle-mesh/heddle/sidecar/rpc/secure"
)

// calls is the half of the process that carries calls. A nil calls carries none.
type calls struct {
	server    *rpc.Server
	finder    *discovery.Finder
	registrar *discovery.Registrar
	observer  *observe.Calls
	log       *zap.Logger
	serving   errgroup.Group
	addrs     []string
	clients   addressFile
	tickets   *secure.Tickets
	ended     chan struct{} // closed by stop

	adopting sync.Mutex                 // held from asking for routes until they are in force: a reload and who follows etcd do that at once
	inForce  atomic.Pointer[callRoutes] // what holds
}

// callRoutes are routes of calls, and the document that says them.
type callRoutes struct {
	table   *route.Table
	text    []byte
	source  string    // one of observe.RoutesFromFile and those below it
	file    string    // "": it is in none
	version int64     // in etcd; 0: none
	since   time.Time // they are in force here
}

// ReadRoutes reads and checks the document of clusters and routes that a configuration names. The error names the file, lines and columns, or the field.
func ReadRoutes(c *config.Config) (*route.Table, error) {
	routes, err := readRoutes(&route.Parser{}, c)
	if err != nil {
		return nil, err
	}
	return routes.table, nil
}

func readRoutes(parser *route.Parser, c *config.Config) (*callRoutes, error) {
	file := c.RPC.File
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the routes: %w", err)
	}
	d, err := parser.Parse(text)
	if err != nil {
		return nil, inFile(file, err)
	}
	t := route.Compile(d)
	if missing := undescribed(c, t); len(missing) > 0 {
		return nil, fmt.Errorf("rpc.protocols: %s describes no protocol %s", file, strings.Join(missing, ", "))
	}
	return &callRoutes{table: t, text: text, source: observe.RoutesFromFile, file: file}, nil
}

// readOnce reads routes that stay as they are until they are read again.
func readOnce(parser *route.Parser, c *config.Config) (now func() *callRoutes, err error) {
	routes, err := readRoutes(parser, c)
	return func() *callRoutes { return routes }, err
}

// followedRoutes are the routes that a follower has at that time.
func followedRoutes(f *reload.Follower[*route.Table]) *callRoutes {
	now := f.Current()
	if now == nil {
		return &callRoutes{table: noRoutes(), source: observe.RoutesNowhere}
	}
	d, ok := now.Documents[layout.Mesh]
	if !ok {
		return &callRoutes{table: now.Value, source: observe.RoutesNowhere}
	}
	source := observe.RoutesFromEtcd
	if now.Source == layout.FromDisk {
		source = observe.RoutesFromCopy
	}
	return &callRoutes{table: now.Value, text: d.Bytes(), source: source, version: d.Version.Number}
}

// undescribed are the protocols that listeners accept and a document does not describe, though it would have to.
func undescribed(c *config.Config, t *route.Table) []string {
	known := []string{route.HTTP1, route.HTTP2, route.GRPC, route.Bolt, route.Dubbo, route.TCP}
	for _, p := range t.Described {
		known = append(known, p.Name)
	}
	var out []string
	for _, names := range c.RPC.Protocols {
		for name := range strings.FieldsSeq(names) {
			if !slices.Contains(known, name) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// inFile puts the file's name before each problem.
func inFile(file string, err error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var named []error
		for _, err := range all.Unwrap() {
			named = append(named, inFile(file, err))
		}
		return errors.Join(named...)
	}
	return fmt.Errorf("%s:%w", file, err)
}

// startCalls begins to take calls, by the routes that now tells.
func startCalls(c *config.Config, now func() *callRoutes, registry store.Store, observer *observe.Calls, tracer rpc.Tracer, log *zap.Logger) (*calls, error) {
	tickets := &secure.Tickets{}
	settings, err := rpcSettings(c, tickets)
	if err != nil {
		return nil, err
	}
	s := &calls{observer: observer, tickets: tickets, log: log, clients: addressFile{c.RPC.AddressFile, c.RPC.Pool}, ended: make(chan struct{})}
	routes := now()
	if s.server, err = rpc.New(routes.table, settings, observer, tracer, log); err != nil {
		return nil, err
	}
	problems := newNotices(log)
	s.finder = discovery.New(discovery.Config{
		Dir: filepath.Join(c.State.Dir, "endpoints"), Registry: registry, Found: s.found,
		Problem: func(cluster string, err error) { problems.problem("endpoints of "+cluster, err) },
	})
	s.registrar = discovery.NewRegistrar(registry, func(cluster, address string, err error) {
		problems.problem("registration of "+address+" for "+cluster, err)
	})
	s.finder.Adopt(routes.table.Clusters) // before anybody is let in: what was found last is there
	s.holds(routes)
	s.watch(c)
	var listeners []net.Listener
	for _, address := range c.RPC.Address {
		l, err := net.Listen("tcp", address)
		if err != nil {
			for _, l := range listeners {
				_ = l.Close() // nobody has been let in
			}
			return nil, errors.Join(fmt.Errorf("rpc.address: listen for calls: %w", err), s.stop(context.Background(), false))
		}
		listeners = append(listeners, l)
		s.addrs = append(s.addrs, l.Addr().String())
	}
	for i, l := range listeners {
		s.serving.Go(func() error { return s.server.Serve(l, c.RPC.Address[i]) })
	}
	if missing := undescribed(c, routes.table); len(missing) > 0 {
		log.Warn("listeners accept protocols that nothing describes yet", zap.Strings("protocols", missing))
	}
	log.Info("calls are accepted", zap.Strings("addresses", s.addrs))
	return s, nil
}

func rpcSettings(c *config.Config, tickets *secure.Tickets) (rpc.Settings, error) {
	told, _ := logFields(c)
	s := rpc.Settings{
		Zone:           c.Instance.Zone,
		MaxConnections: c.RPC.MaxConnections, HeadSize: int(c.RPC.HeadSize), FrameSize: int(c.RPC.FrameSize),
		IdleTimeout: c.RPC.IdleTimeout, HeadTimeout: c.RPC.HeadTimeout, Silence: c.RPC.SilenceTimeout, Colour: strings.ToLower(c.RPC.Colour), Tell: told,
	}
	for address, names := range c.RPC.Protocols {
		if s.Protocols == nil {
			s.Protocols = map[string][]string{}
		}
		s.Protocols[address] = strings.Fields(names)
	}
	if t := c.RPC.TLS; len(t.Cert) > 0 {
		s.Strict, s.StrictOn = t.Mode == "strict", t.StrictOn
		var err error
		if s.TLS, err = secure.Listener(t.Cert, t.Key, t.CA, s.Strict, tickets); err != nil {
			return s, fmt.Errorf("rpc.tls: %w", err)
		}
	}
	return s, nil
}

// settings are what a configuration says of calls, for the next reload.
func (s *calls) settings(c *config.Config) (rpc.Settings, error) {
	if s == nil {
		return rpcSettings(c, &secure.Tickets{})
	}
	return rpcSettings(c, s.tickets)
}

// logFields are what a call's line has beside, and what it is to have not, as calls are asked for them.
func logFields(c *config.Config) (told, without []string) {
	for _, name := range c.RPC.LogFields {
		name = strings.ToLower(name)
		if left, ok := strings.CutPrefix(name, "-"); ok {
			without = append(without, left)
		} else {
			told = append(told, name)
		}
	}
	return told, without
}

// watch has calls be logged as the configuration says.
func (s *calls) watch(c *config.Config) {
	switch c.RPC.Log {
	case "none":
		s.observer.Log(nil, false)
	default:
		_, without := logFields(c)
		s.observer.Log(s.log, c.RPC.Log == "all", without...)
	}
}

// reload puts a configuration, with its settings, and the routes that now tells into force.
func (s *calls) reload(c *config.Config, settings rpc.Settings, now func() *callRoutes) error {
	if s == nil {
		return nil
	}
	s.server.Set(settings)
	s.watch(c)
	return s.adopt(now)
}

// adopt puts the routes that now tells into force. It is asked when nobody else puts any there: routes that were known before might be those
// that newer ones have followed meanwhile.
func (s *calls) adopt(now func() *callRoutes) error {
	if s == nil {
		return nil
	}
	s.adopting.Lock()
	defer s.adopting.Unlock()
	routes := now()
	if routes.table == s.inForce.Load().table {
		return nil
	}
	err := s.server.Adopt(routes.table)
	if err == nil {
		s.finder.Adopt(routes.table.Clusters)
		s.holds(routes)
	}
	return err
}

// holds notes which routes are in force.
func (s *calls) holds(routes *callRoutes) {
	is := *routes
	is.since = time.Now()
	if was := s.inForce.Load(); was != nil && was.source == is.source && was.file == is.file && was.version == is.version && bytes.Equal(was.text, is.text) {
		is.since = was.since // a file that was read again as it was
	}
	s.inForce.Store(&is)
}

// document is that of the routes in force; nil: no calls are taken.
func (s *calls) document() *observe.RoutesDocument {
	if s == nil {
		return nil
	}
	r := s.inForce.Load()
	return &observe.RoutesDocument{Source: r.source, File: r.file, Version: r.version, Since: r.since, Text: string(r.text)}
}

// opened tells clients on the same machine that calls are taken. A file that cannot be written keeps nobody from them.
func (s *calls) opened() {
	if s == nil {
		return
	}
	if err := s.clients.open(s.addrs); err != nil {
		s.log.Error("clients are not told where calls are taken", zap.Error(err))
	}
}

// found has calls go to servers that were found.
func (s *calls) found(cluster string, endpoints []*route.Endpoint) error {
	if err := s.server.Found(cluster, endpoints); err != nil {
		return err
	}
	s.log.Info("servers of calls are found", zap.String("cluster", cluster), zap.Int("endpoints", len(endpoints)))
	return nil
}

// view is what operators see of them; nil: none are taken.
func (s *calls) view() *rpc.View {
	if s == nil {
		return nil
	}
	return s.server.View()
}

// registry is where servers have themselves registered, if c lets them; nil: nowhere.
func (s *calls) registry(c *config.Config) *discovery.Registrar {
	if s == nil || !c.RPC.Registration {
		return nil
	}
	return s.registrar
}

// stop takes no more calls and waits for those under way; with statements for half of the time until ctx ends: the rest is for these.
func (s *calls) stop(ctx context.Context, statements bool) error {
	if end, ok := ctx.Deadline(); ok && statements {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	close(s.ended)
	err := s.clients.leave(s.addrs) // before all else: others' calls go elsewhere from now on
	s.registrar.Close()
	s.finder.Close()
	return errors.Join(err, s.server.Shutdown(ctx), s.serving.Wait())
}
