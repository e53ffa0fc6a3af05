// Command hedge measures what becomes of the slowest calls where one server of ten is slow for some of its calls: by round robin and by peak EWMA, without hedging and with it,
// in turns, through one heddle that carries calls alone. Calls come at a steady rate that no server is busy with, and the servers only wait. Level: bench.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/dev"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// options are the command line.
type options struct {
	rounds  int
	window  time.Duration
	rate    int // calls a second
	slow    time.Duration
	share   float64 // of the slow server's calls, per cent
	percent float64 // the budget of hedges
	after   string
	heddle  string
}

const (
	servers = 10
	fast    = 2 * time.Millisecond
	callers = 64 // that a call finds free however slow the others are
)

// ways are what is compared, by the paths of their routes.
var ways = []struct{ path, balance, hedge string }{
	{"round", "round_robin", ""}, {"round-hedged", "round_robin", "hedged"}, {"ewma", "peak_ewma", ""}, {"ewma-hedged", "peak_ewma", "hedged"},
}

func main() {
	o := &options{}
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; each measures every way once")
	flag.DurationVar(&o.window, "window", 5*time.Second, "length of one measurement")
	flag.IntVar(&o.rate, "rate", 300, "calls a second")
	flag.DurationVar(&o.slow, "slow", 100*time.Millisecond, "what the slow server's slow calls take; others take 2 ms")
	flag.Float64Var(&o.share, "share", 10, "per cent of its calls that the slow server is slow for")
	flag.Float64Var(&o.percent, "percent", 10, "per cent of the calls that may be sent twice")
	flag.StringVar(&o.after, "hedge", "quantile: 95", "when a call is sent twice, as a route says it")
	flag.StringVar(&o.heddle, "heddle", "bin/heddle", "heddle to measure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	if stop(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/hedge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) (err error) {
	dir, err := os.MkdirTemp("", "heddle-hedge-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var addrs []string
	var asked [4]atomic.Int64 // of servers, by way
	for i := range servers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer func() { _ = l.Close() }() // its clients have ended
		s := &http.Server{Handler: &waiting{o, i == 0, &asked}}
		go func() { _ = s.Serve(l) }() // until it is closed
		addrs = append(addrs, l.Addr().String())
	}
	addr, child, err := start(ctx, o, dir, addrs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, child.Kill()) }()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: callers, MaxConnsPerHost: callers}}
	took := make([][]time.Duration, len(ways)) // all rounds' together: the tail wants many
	calls := make([]int64, len(ways))          // of servers
	for round := range o.rounds + 1 {
		for i := range ways {
			way := (i + round) % len(ways)
			all, err := load(ctx, client, "http://"+addr+"/"+ways[way].path, o)
			if err != nil {
				return err
			}
			if sent := asked[way].Swap(0); round > 0 { // the first is for pools and quantiles to fill
				took[way] = append(took[way], all...)
				calls[way] += sent
			}
		}
	}
	report(o, took, calls)
	return nil
}

// waiting is a server: it answers after a time.
type waiting struct {
	*options
	isSlow bool
	asked  *[4]atomic.Int64
}

// ServeHTTP implements http.Handler.
func (s *waiting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for i := range ways {
		if r.URL.Path == "/"+ways[i].path {
			s.asked[i].Add(1)
		}
	}
	d := fast
	if s.isSlow && rand.Float64()*100 < s.share {
		d = s.slow
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		_, _ = io.WriteString(w, "answer") // the client may have another's
	case <-r.Context().Done():
	}
}

// start starts a heddle that carries calls alone.
func start(ctx context.Context, o *options, dir string, addrs []string) (addr string, child *dev.Child, err error) {
	if addr, err = harness.FreeAddr(); err != nil {
		return "", nil, err
	}
	var clusters, routes strings.Builder
	for _, way := range ways {
		fmt.Fprintf(&clusters, "  %s: {balance: %s, endpoints: [\"%s\"]}\n", way.path, way.balance, strings.Join(addrs, `", "`))
		hedge := ""
		if way.hedge != "" {
			hedge = fmt.Sprintf(", hedge: {%s, percent: %g}", o.after, o.percent)
		}
		fmt.Fprintf(&routes, "- {path: {exact: /%s}, to: %[1]s%s}\n", way.path, hedge)
	}
	file := filepath.Join(dir, "routes.yaml")
	document := "clusters:\n" + clusters.String() + "routes:\n" + routes.String()
	text, err := config.Write(map[string]string{"listen.address": "", "rpc.address": addr, "rpc.file": file, "admin.address": "", "state.dir": filepath.Join(dir, "state"), "log.level": "warn"})
	if err != nil {
		return "", nil, err
	}
	if err := errors.Join(os.WriteFile(file, []byte(document), 0o600), os.WriteFile(filepath.Join(dir, "heddle.yaml"), []byte(text), 0o600)); err != nil {
		return "", nil, err
	}
	cmd := exec.Command(o.heddle, "serve", "--config", filepath.Join(dir, "heddle.yaml"))
	cmd.Stderr = os.Stderr
	if child, err = dev.StartChild(cmd); err != nil {
		return "", nil, err
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; {
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			return addr, child, c.Close()
		}
	}
	return "", nil, errors.Join(errors.New("heddle does not take calls"), child.Kill())
}

// load has calls be made at a steady rate, and returns what each took from the moment that it was due: a caller that is late makes it longer.
func load(ctx context.Context, client *http.Client, url string, o *options) ([]time.Duration, error) {
	due := make(chan time.Time, callers)
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var callersOf sync.WaitGroup
	for range callers {
		callersOf.Go(func() {
			for at := range due {
				err := call(ctx, client, url)
				mu.Lock()
				all = append(all, time.Since(at))
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	n := int(o.window.Seconds() * float64(o.rate))
	began := time.Now()
	for i := range n {
		at := began.Add(time.Duration(i) * time.Second / time.Duration(o.rate))
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done(): // the calls say so
		}
		due <- at
	}
	close(due)
	callersOf.Wait()
	return all, failed
}

func call(ctx context.Context, client *http.Client, url string) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", res.StatusCode, body)
	}
	return err
}

func report(o *options, took [][]time.Duration, calls []int64) {
	fmt.Printf("one of %d servers slow (%v for %v) at %g %% of its calls; %d calls a second, %d rounds of %v; hedge: {%s, percent: %g}\n\n| balance | hedged | p50 ms | p99 ms | p99.5 ms | p99.9 ms | sent for a call |\n|---|---|---|---|---|---|---|\n",
		servers, o.slow, fast, o.share, o.rate, o.rounds, o.window, o.after, o.percent)
	for i, way := range ways {
		slices.Sort(took[i])
		hedged := "no"
		if way.hedge != "" {
			hedged = "yes"
		}
		at := func(q float64) float64 {
			return float64(took[i][min(int(q*float64(len(took[i]))), len(took[i])-1)].Microseconds()) / 1000
		}
		fmt.Printf("| %s | %s | %.1f | %.1f | %.1f | %.1f | %.3f |\n", way.balance, hedged, at(.5), at(.99), at(.995), at(.999), float64(calls[i])/float64(len(took[i])))
	}
}
