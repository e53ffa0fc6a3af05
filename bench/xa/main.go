// Command xa measures what atomic transactions cost: fsyncs, transactions a second and latency of transactions over one, two and three
// servers, in mode LOCAL, in mode XA, and of XA as textbooks have it, with a decision that is written by itself. Drivers without
// a proxy, and the same transactions through heddle. Level: bench.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/bench/meter"
)

func main() {
	rounds := flag.Int("rounds", 5, "rounds, in each of which everything is measured once, in another order")
	window := flag.Duration("window", time.Second, "of one measurement")
	flag.Parse()
	if err := run(context.Background(), *rounds, *window); err != nil {
		fmt.Fprintln(os.Stderr, "bench/xa:", err)
		os.Exit(1)
	}
}

// way is how a transaction over servers is made.
type way struct {
	name string
	open func(l *lab) (worker, error)
}

// worker makes transactions one after the other, with connections of its own. on are the servers that are written.
type worker interface {
	once(ctx context.Context, on int, n int64) error
	close()
}

func ways() []way {
	return []way{
		{"driver LOCAL", func(l *lab) (worker, error) { return openDriver(l, local) }},
		{"driver XA", func(l *lab) (worker, error) { return openDriver(l, atomically) }},
		{"driver textbook", func(l *lab) (worker, error) { return openDriver(l, textbook) }},
		{"heddle LOCAL", func(l *lab) (worker, error) { return openHeddle(l, "LOCAL") }},
		{"heddle XA", func(l *lab) (worker, error) { return openHeddle(l, "XA") }},
	}
}

// sample is one measurement.
type sample struct {
	perSecond float64
	p50       time.Duration
	failed    int
}

func run(ctx context.Context, rounds int, window time.Duration) error {
	l, err := newLab(ctx)
	if err != nil {
		return err
	}
	err = errors.Join(l.fsyncs(ctx), l.rounds(ctx, rounds, window))
	return errors.Join(err, l.close())
}

// fsyncs counts those of one transaction after the other.
func (l *lab) fsyncs(ctx context.Context) error {
	const times = 100
	fmt.Print("fsyncs of one transaction\n\n| | 1 server written | 2 | 3 |\n|---|---|---|---|\n")
	for _, w := range ways() {
		at, err := w.open(l)
		if err != nil {
			return err
		}
		row := []string{w.name}
		for on := 1; on <= 3; on++ {
			if err := at.once(ctx, on, 0); err != nil {
				return err
			}
			before, err := l.synced(ctx)
			if err != nil {
				return err
			}
			for n := range times {
				if err := at.once(ctx, on, int64(n)); err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
			}
			after, err := l.synced(ctx)
			if err != nil {
				return err
			}
			row = append(row, fmt.Sprintf("%.2f", float64(after-before)/times))
		}
		at.close()
		fmt.Println("| " + strings.Join(row, " | ") + " |")
	}
	return nil
}

// rounds measures all ways over two servers in turns, and prints the medians of the ratios within a round.
func (l *lab) rounds(ctx context.Context, rounds int, window time.Duration) error {
	for _, threads := range []int{1, 32} {
		all := map[string][]sample{}
		for r := range rounds {
			list := ways()
			for i := range list {
				w := list[(i+r)%len(list)]
				s, err := l.measure(ctx, w, threads, window)
				if err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
				all[w.name] = append(all[w.name], s)
			}
		}
		fmt.Printf("\n%d threads, two servers written, %d rounds of %v: medians (lowest–highest)\n\n| | transactions/s | ÷ LOCAL | p50 | ÷ LOCAL's | failed |\n|---|---|---|---|---|---|\n", threads, rounds, window)
		for _, w := range ways() {
			base := all[strings.Fields(w.name)[0]+" LOCAL"]
			var rate, share, p50, times []float64
			failed := 0
			for i, s := range all[w.name] {
				rate, share = append(rate, s.perSecond), append(share, s.perSecond/base[i].perSecond)
				p50, times = append(p50, float64(s.p50.Microseconds())/1000), append(times, float64(s.p50)/float64(base[i].p50))
				failed += s.failed
			}
			fmt.Printf("| %s | %s | %s | %s ms | %s | %d |\n", w.name, meter.SpreadOf(rate).Format("%.0f"), meter.SpreadOf(share).Format("%.2f"), meter.SpreadOf(p50).Format("%.2f"), meter.SpreadOf(times).Format("%.2f"), failed)
		}
	}
	return nil
}

// measure has workers make transactions for a while.
func (l *lab) measure(ctx context.Context, w way, threads int, window time.Duration) (s sample, err error) {
	workers := make([]worker, threads)
	for i := range workers {
		if workers[i], err = w.open(l); err != nil {
			return s, err
		}
		defer workers[i].close()
		if err := workers[i].once(ctx, 2, int64(i)); err != nil {
			return s, err
		}
	}
	var mu sync.Mutex // guards took and failed
	var took []time.Duration
	var all sync.WaitGroup
	end := time.Now().Add(window)
	for i, at := range workers {
		all.Go(func() {
			var mine []time.Duration
			failed := 0
			for n := int64(i); time.Now().Before(end); n += int64(threads) {
				began := time.Now()
				if at.once(ctx, 2, n) == nil {
					mine = append(mine, time.Since(began))
				} else {
					failed++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
			s.failed += failed
		})
	}
	all.Wait()
	if len(took) == 0 {
		return s, errors.New("no transaction was made")
	}
	slices.Sort(took)
	s.perSecond, s.p50 = float64(len(took))/window.Seconds(), took[len(took)/2]
	return s, nil
}
