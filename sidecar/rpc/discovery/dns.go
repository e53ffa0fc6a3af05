package discovery

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// Bounds of how long an answer of DNS is taken to hold, whatever it says, and how long one that did not come is waited for.
const (
	shortTTL = 5 * time.Second
	longTTL  = 5 * time.Minute
	patience = 5 * time.Second
)

// resolve asks DNS once. wait is the shortest time that an answer holds.
func resolve(ctx context.Context, d *route.Discover) (endpoints []*route.Endpoint, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ttl := &shortest{}
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, cmp.Or(d.Server, address))
		if udp, ok := c.(*net.UDPConn); ok {
			return &listening{udp, ttl}, err
		}
		return c, err
	}}
	if d.SRV != "" {
		endpoints, err = servers(ctx, r, d.SRV)
	} else {
		endpoints, err = addresses(ctx, r, d.DNS)
	}
	if wait = d.Interval; wait == 0 {
		wait = min(max(ttl.get(), shortTTL), longTTL)
	}
	slices.SortFunc(endpoints, func(a, b *route.Endpoint) int { return cmp.Compare(a.Address, b.Address) })
	return slices.CompactFunc(endpoints, func(a, b *route.Endpoint) bool { return a.Address == b.Address }), wait, err
}

func addresses(ctx context.Context, r *net.Resolver, name string) ([]*route.Endpoint, error) {
	host, port, err := net.SplitHostPort(name)
	if err != nil {
		return nil, err
	}
	ips, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", host, err)
	}
	var all []*route.Endpoint
	for _, ip := range ips {
		all = append(all, &route.Endpoint{Address: net.JoinHostPort(ip.Unmap().String(), port)})
	}
	return all, nil
}

// servers are those of a name of type SRV. The lowest priority is 0 here; names stay names: connections resolve them.
func servers(ctx context.Context, r *net.Resolver, name string) ([]*route.Endpoint, error) {
	_, records, err := r.LookupSRV(ctx, "", "", name)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", name, err)
	}
	var all []*route.Endpoint
	for _, s := range records {
		all = append(all, &route.Endpoint{
			Address: net.JoinHostPort(strings.TrimSuffix(s.Target, "."), strconv.Itoa(int(s.Port))), Weight: int(s.Weight), Priority: int(s.Priority),
		})
	}
	return all, nil
}

// shortest is the shortest of the times that answers hold.
type shortest struct {
	mu    sync.Mutex
	least time.Duration
	any   bool
}

func (s *shortest) note(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.any || d < s.least {
		s.least, s.any = d, true
	}
}

func (s *shortest) get() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.least
}

// listening hears the answers of DNS go by, for how long they hold, which net.Resolver does not say.
type listening struct {
	*net.UDPConn
	ttl *shortest
}

// Read implements net.Conn.
func (l *listening) Read(p []byte) (int, error) {
	n, err := l.UDPConn.Read(p)
	if err == nil {
		l.hear(p[:n])
	}
	return n, err
}

func (l *listening) hear(message []byte) {
	var p dnsmessage.Parser
	if _, err := p.Start(message); err != nil || p.SkipAllQuestions() != nil {
		return // which the resolver sees too
	}
	for {
		h, err := p.AnswerHeader()
		if err != nil || p.SkipAnswer() != nil {
			return
		}
		l.ttl.note(time.Duration(h.TTL) * time.Second)
	}
}
