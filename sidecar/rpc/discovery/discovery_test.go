package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/heddle-mesh/heddle/governance/layout"
	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/governance/store/memstore"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// told keeps what a Finder tells.
type told struct {
	mu       sync.Mutex
	found    []string // addresses, of what was told last
	refuses  int      // so many times
	problems []string
}

func (w *told) Found(_ string, endpoints []*route.Endpoint) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuses > 0 {
		w.refuses--
		return errors.New("it cannot be used now")
	}
	w.found = nil
	for _, e := range endpoints {
		w.found = append(w.found, e.Address)
	}
	return nil
}

func (w *told) Problem(_ string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, err.Error())
}

// found waits until those are found.
func (w *told) await(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("found are %v", want), func() bool { w.mu.Lock(); defer w.mu.Unlock(); return slices.Equal(w.found, want) })
}

func (w *told) complains(t *testing.T, of string) {
	t.Helper()
	eventually(t, "there is a problem: "+of, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.ContainsFunc(w.problems, func(p string) bool { return strings.Contains(p, of) })
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("not within 30 s: " + what)
		}
	}
}

// finder looks for one cluster.
func finder(t *testing.T, dir string, s store.Store, d route.Discover) (*Finder, *told) {
	t.Helper()
	w := &told{}
	f := New(Config{Dir: dir, Registry: s, Found: w.Found, Problem: w.Problem})
	t.Cleanup(f.Close)
	f.Adopt(map[string]*route.Cluster{"shop": {Discover: &d}, "still": {}})
	return f, w
}

func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "endpoints.yaml")
	write := func(text string) {
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write(`["a:1", {address: "b:1", weight: 2}]`)
	dir := t.TempDir()
	f, w := finder(t, dir, nil, route.Discover{File: file, Interval: time.Millisecond})
	w.await(t, "a:1", "b:1")
	write(`["c:1"]`)
	w.await(t, "c:1")
	for text, problem := range map[string]string{"[": file, "[nowhere]": "not host:port", "[]": "nobody is found", `["x:1", "x:1"]`: "twice"} {
		write(text)
		w.complains(t, problem)
	}
	w.await(t, "c:1")
	f.Close()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	// A process that starts while there is no file has what was found last, at once.
	_, w = finder(t, dir, nil, route.Discover{File: file, Interval: time.Millisecond})
	if !slices.Equal(w.found, []string{"c:1"}) {
		t.Errorf("at the start %v", w.found)
	}
	w.complains(t, "no such file")
	w.await(t, "c:1")
}

func TestRegistry(t *testing.T) {
	server := memstore.NewServer()
	s, dir := server.Client(), t.TempDir()
	defer s.Close()
	register := func(address string) (leave func()) {
		ctx, cancel := context.WithCancel(t.Context())
		over, there := make(chan error, 1), make(chan struct{})
		own := server.Client()
		go func() {
			over <- Register(ctx, own, "shop", layout.Endpoint{Address: address}, time.Minute, func() { close(there) }, func(err error) { t.Log(err) })
		}()
		<-there
		return func() {
			cancel()
			if err := <-over; err != nil {
				t.Error(err)
			}
			_ = own.Close()
		}
	}
	leaveA := register("a:1")
	f, w := finder(t, dir, s, route.Discover{Registry: true})
	w.await(t, "a:1")
	leaveB := register("b:1")
	w.await(t, "a:1", "b:1")
	leaveA()
	w.await(t, "b:1")
	s.Cut(true)
	w.complains(t, "unavailable")
	f.Close()
	_, w = finder(t, dir, s, route.Discover{Registry: true}) // a process that starts meanwhile
	w.await(t, "b:1")
	s.Cut(false)
	defer register("c:1")()
	w.await(t, "b:1", "c:1")
	leaveB()
	w.await(t, "c:1")
	server.Wipe() // whatever becomes of the registry, and nobody is left in it
	w.complains(t, "nobody is found")
	w.await(t, "c:1")
}

// What cannot be used at once is told again, though nothing happens in the registry.
func TestWhatIsFoundIsToldAgain(t *testing.T) {
	s := memstore.New()
	defer s.Close()
	record, err := layout.Endpoint{Address: "a:1"}.Encode()
	if err == nil {
		err = store.Write(t.Context(), s, store.Put(layout.EndpointKey("shop", "a:1"), record))
	}
	if err != nil {
		t.Fatal(err)
	}
	w := &told{refuses: 2}
	f := New(Config{Dir: t.TempDir(), Registry: s, Found: w.Found, Problem: w.Problem})
	t.Cleanup(f.Close)
	f.Adopt(map[string]*route.Cluster{"shop": {Discover: &route.Discover{Registry: true}}})
	w.complains(t, "cannot be used now")
	w.await(t, "a:1")
}

func TestARegistryThatIsNone(t *testing.T) {
	_, w := finder(t, t.TempDir(), nil, route.Discover{Registry: true})
	w.complains(t, "there is no etcd")
	if err := Register(t.Context(), memstore.New(), "shop", layout.Endpoint{Address: "nowhere"}, time.Minute, nil, nil); err == nil {
		t.Error("an address that is none is registered")
	}
}

// names is a server of DNS that answers by what it is told, with a time of 7 s.
type names struct {
	addr string
	mu   sync.Mutex
	ips  [][4]byte
}

func (n *names) set(ips ...[4]byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ips = ips
}

func dns(t *testing.T) *names {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{addr: c.LocalAddr().String()}
	over := make(chan struct{})
	t.Cleanup(func() {
		_ = c.Close()
		<-over
	})
	go func() {
		defer close(over)
		p := make([]byte, 4096)
		for {
			k, from, err := c.ReadFrom(p)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(n.answer(p[:k]), from)
		}
	}()
	return n
}

func (n *names) answer(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 7}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch q.Type {
	case dnsmessage.TypeA:
		for _, ip := range n.ips {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: ip}})
		}
	case dnsmessage.TypeSRV:
		for i := range n.ips {
			target := dnsmessage.MustNewName(fmt.Sprintf("s%d.shop.test.", i))
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.SRVResource{Priority: uint16(i), Weight: 5, Port: 8080, Target: target}})
		}
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

func TestDNS(t *testing.T) {
	n := dns(t)
	n.set([4]byte{10, 0, 0, 2}, [4]byte{10, 0, 0, 1})
	_, w := finder(t, t.TempDir(), nil, route.Discover{DNS: "shop.test:80", Server: n.addr, Interval: time.Millisecond})
	w.await(t, "10.0.0.1:80", "10.0.0.2:80")
	n.set([4]byte{10, 0, 0, 3})
	w.await(t, "10.0.0.3:80")
	n.set()
	w.complains(t, "no such host")
	w.await(t, "10.0.0.3:80")

	n.set([4]byte{}, [4]byte{})
	all, wait, err := resolve(t.Context(), &route.Discover{SRV: "_http._tcp.shop.test", Server: n.addr})
	if err != nil || len(all) != 2 || !reflect.DeepEqual(*all[0], route.Endpoint{Address: "s0.shop.test:8080", Weight: 5}) || all[1].Priority != 1 {
		t.Errorf("servers: %v, %v", all, err)
	}
	if wait != 7*time.Second {
		t.Errorf("the answer is taken to hold for %v", wait)
	}
}

// A server is found as long as it asks in time to be kept, and by what it said last.
func TestRegistrar(t *testing.T) {
	server := memstore.NewServer()
	s, own := server.Client(), server.Client()
	defer s.Close()
	defer own.Close()
	problems := make(chan error, 100)
	r := NewRegistrar(own, func(_, _ string, err error) { problems <- err })
	_, w := finder(t, t.TempDir(), s, route.Discover{Registry: true})
	keep := func(address string, weight int, ttl time.Duration) {
		t.Helper()
		if _, err := r.Keep("shop", layout.Endpoint{Address: address, Weight: weight}, ttl); err != nil {
			t.Fatal(err)
		}
	}
	keep("a:1", 1, time.Hour)
	w.await(t, "a:1")
	keep("b:1", 1, time.Second)
	w.await(t, "a:1", "b:1")
	w.await(t, "a:1") // b has not asked again
	keep("b:1", 1, time.Hour)
	w.await(t, "a:1", "b:1")
	keep("b:1", 7, time.Minute)
	eventually(t, "it weighs more", func() bool {
		kv, err := s.Get(t.Context(), layout.EndpointKey("shop", "b:1"))
		if err != nil {
			return false
		}
		e, err := layout.DecodeEndpoint(kv.Value)
		return err == nil && e.Weight == 7
	})
	eventually(t, "both are said to be there", func() bool {
		all := r.List()
		return len(all) == 2 && all[0].Registered && all[1].Registered && all[1].Endpoint.Weight == 7 && all[1].TTL == time.Minute && all[1].Left > 0
	})
	if there, err := r.Remove(t.Context(), "shop", "a:1"); !there || err != nil {
		t.Errorf("a is taken off: %v, %v", there, err)
	}
	w.await(t, "b:1")
	if there, err := r.Remove(t.Context(), "shop", "a:1"); there || err != nil {
		t.Errorf("a is taken off again: %v, %v", there, err)
	}
	keep("c:1", 0, time.Hour)
	w.await(t, "b:1", "c:1")
	r.Close()
	w.complains(t, "nobody is found")
	for what, err := range map[string]error{
		"a process that ends":     errOf(r.Keep("shop", layout.Endpoint{Address: "a:1"}, time.Minute)),
		"no store":                errOf(NewRegistrar(nil, nil).Keep("shop", layout.Endpoint{Address: "a:1"}, time.Minute)),
		"an address that is none": errOf(NewRegistrar(s, nil).Keep("shop", layout.Endpoint{Address: "nowhere"}, time.Minute)),
		"a short time":            errOf(NewRegistrar(s, nil).Keep("shop", layout.Endpoint{Address: "a:1"}, time.Millisecond)),
	} {
		if err == nil {
			t.Errorf("%s: a server is registered", what)
		}
	}
}

func errOf(_ *Registration, err error) error { return err }

// What the store refuses is said, and made good when it can be.
func TestRegistrarWithoutItsStore(t *testing.T) {
	own := memstore.New()
	defer own.Close()
	own.Cut(true)
	problems := make(chan error, 100)
	r := NewRegistrar(own, func(_, _ string, err error) { problems <- err })
	defer r.Close()
	if _, err := r.Keep("shop", layout.Endpoint{Address: "a:1"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	<-problems
	eventually(t, "it is said why it is not there", func() bool { all := r.List(); return len(all) == 1 && !all[0].Registered && all[0].Why != "" })
	own.Cut(false)
	eventually(t, "it is there", func() bool { all := r.List(); return len(all) == 1 && all[0].Registered && all[0].Why == "" })
}
