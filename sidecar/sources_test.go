package sidecar

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/certs/certstest"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/proxy/wire/wiretest"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
)

// encrypted is a data source with all that says how it is encrypted.
func encrypted(t *testing.T, mode rule.TLSMode) (rule.DataSource, *certstest.Authority) {
	authority := certstest.New(t)
	cert, key := authority.Issue(t, "client", certstest.Leaf{Name: "client"})
	return rule.DataSource{Name: "ds_0", Address: "fake:1", User: "root", TLS: &rule.TLS{
		Mode: mode, CA: authority.File, Cert: cert, Key: key, ServerName: "fake",
	}}, authority
}

func sourceOf(t *testing.T, ds *rule.DataSource) backend.DataSource {
	t.Helper()
	out, err := source(&config.Config{}, ds)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What is made of the same rules and files encrypts alike, and of others not.
func TestSameTLS(t *testing.T) {
	copied := func(t *testing.T, from, to string) {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	changes := map[string]func(t *testing.T, ds *rule.DataSource, a *certstest.Authority){
		"the mode":       func(_ *testing.T, ds *rule.DataSource, _ *certstest.Authority) { ds.TLS.Mode = rule.TLSVerifyIdentity },
		"the name":       func(_ *testing.T, ds *rule.DataSource, _ *certstest.Authority) { ds.TLS.ServerName = "other" },
		"no authorities": func(_ *testing.T, ds *rule.DataSource, _ *certstest.Authority) { ds.TLS.CA = "" },
		"no certificate": func(_ *testing.T, ds *rule.DataSource, _ *certstest.Authority) { ds.TLS.Cert, ds.TLS.Key = "", "" },
		"none at all":    func(_ *testing.T, ds *rule.DataSource, _ *certstest.Authority) { ds.TLS = nil },
		"the authorities' file": func(t *testing.T, ds *rule.DataSource, _ *certstest.Authority) {
			copied(t, certstest.New(t).File, ds.TLS.CA)
		},
		"the certificate's file": func(t *testing.T, _ *rule.DataSource, a *certstest.Authority) {
			a.Issue(t, "client", certstest.Leaf{Name: "client"})
		},
	}
	for _, mode := range []rule.TLSMode{rule.TLSPreferred, rule.TLSRequired, rule.TLSVerifyCA} {
		for what, change := range changes {
			t.Run(string(mode)+", "+what, func(t *testing.T) {
				ds, authority := encrypted(t, mode)
				was := sourceOf(t, &ds)
				if again := sourceOf(t, &ds); !was.TLS.Alike(again.TLS) || was.TLS.Config == nil {
					t.Error("the same differs")
				}
				change(t, &ds, authority)
				if now := sourceOf(t, &ds); was.TLS.Alike(now.TLS) {
					t.Error("another is the same")
				}
			})
		}
	}
}

// answering counts the connections to a server that lets everybody in.
type answering struct {
	dials atomic.Int32
	work  sync.WaitGroup
}

func (a *answering) dial(context.Context, string, string) (net.Conn, error) {
	a.dials.Add(1)
	ours, theirs := net.Pipe()
	a.work.Go(func() {
		_ = wiretest.Serve(theirs, wiretest.Accept(), func(s *wiretest.Server) error {
			_, _, err := s.ReadCommand()
			return err
		}) // ends with the client
	})
	return ours, nil
}

// The connections of a data source with TLS outlive a change of rules that does not concern them, and not a new certificate.
func TestConnectionsWithTLSOutliveRules(t *testing.T) {
	var server answering
	pools := backend.NewPools(backend.Options{Buffers: wire.NewPool(0), Dial: server.dial})
	ds, authority := encrypted(t, rule.TLSPreferred)
	for _, step := range []struct {
		what   string
		change func()
		dials  int32
	}{
		{"at first", func() {}, 1},
		{"nothing new", func() {}, 1},
		{"a limit", func() { ds.Pool.Max = 7 }, 1},
		{"another certificate", func() { authority.Issue(t, "client", certstest.Leaf{Name: "client"}) }, 2},
		{"another mode", func() { ds.TLS = nil }, 3},
	} {
		step.change()
		if err := pools.Set([]backend.DataSource{sourceOf(t, &ds)}); err != nil {
			t.Fatal(err)
		}
		l, err := pools.Acquire(t.Context(), "ds_0", 0, nil)
		if err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		l.Release()
		if n := server.dials.Load(); n != step.dials {
			t.Errorf("%s: %d connections were opened, not %d", step.what, n, step.dials)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := pools.Close(ctx); err != nil {
		t.Error(err)
	}
	server.work.Wait()
}

// Recovery keeps its connections too.
func TestRecoveryKeepsConnectionsWithTLS(t *testing.T) {
	ds, authority := encrypted(t, rule.TLSVerifyCA)
	nowhere := func(string) string { return "" }
	have := &control{source: controlled(sourceOf(t, &ds), nil, nowhere)}
	if !have.serves(controlled(sourceOf(t, &ds), nil, nowhere)) {
		t.Error("the same rules want others")
	}
	authority.Issue(t, "client", certstest.Leaf{Name: "client"})
	if have.serves(controlled(sourceOf(t, &ds), nil, nowhere)) {
		t.Error("a new certificate is not taken")
	}
	was := sourceOf(t, &ds)
	ds.User = "other"
	have.source = controlled(was, nil, nowhere)
	if have.serves(controlled(sourceOf(t, &ds), nil, nowhere)) {
		t.Error("another account is not taken")
	}
}

// Who watches a data source's servers takes a new certificate too, and is left alone by what does not concern him.
func TestWatchersTakeNewCertificates(t *testing.T) {
	pools := backend.NewPools(backend.Options{Buffers: wire.NewPool(0)})
	r := newReplication(pools, "", zap.NewNop())
	ds, authority := encrypted(t, rule.TLSVerifyCA)
	ds.Address, ds.Replicas, ds.Splitting = "/nowhere/1", []rule.Replica{{Address: "/nowhere/2"}}, &rule.Splitting{Balancer: "round_robin"}
	watched := func() *watched {
		r.follow([]backend.DataSource{sourceOf(t, &ds)}, []*rule.Layout{{DataSources: []rule.DataSource{ds}}})
		return r.watched["ds_0"]
	}
	was := watched()
	if watched() != was {
		t.Error("the same rules have it watched anew")
	}
	authority.Issue(t, "client", certstest.Leaf{Name: "client"})
	if watched() == was {
		t.Error("it is watched with the old certificate")
	}
	r.close()
	if err := pools.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
