package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heddle-mesh/heddle/bench/meter"
)

const (
	request     = "GET /orders/7?x=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
	answerBytes = 1000
)

// client asks again when it is answered.
type client struct {
	ask   func() error
	part  func() error // ends its connection
	took  []uint32     // ns, of each request of the window
	count atomic.Int64
	err   error
}

func (c *client) run(stop, watched *atomic.Bool) {
	for !stop.Load() {
		began := time.Now()
		if err := c.ask(); err != nil {
			c.err = err
			return
		}
		c.count.Add(1)
		if watched.Load() {
			c.took = append(c.took, uint32(min(time.Since(began), 4*time.Second)))
		}
	}
}

// plainClient has one connection of HTTP/1.1.
type plainClient struct {
	conn net.Conn
	buf  []byte
}

func plainClients(addr string, n int) (all []*client, err error) {
	for range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return all, fmt.Errorf("connect: %w", err)
		}
		_ = c.SetDeadline(time.Now().Add(patience)) // fails only on a closed connection
		p := &plainClient{c, make([]byte, 8<<10)}
		all = append(all, &client{ask: p.once, part: c.Close})
	}
	return all, nil
}

// once asks and reads the answer to its end, which it sees to be the right one.
func (c *plainClient) once() error {
	if _, err := io.WriteString(c.conn, request); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	have, want := 0, -1
	for want < 0 || have < want {
		n, err := c.conn.Read(c.buf[have:])
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		have += n
		if i := bytes.Index(c.buf[:have], []byte("\r\n\r\n")); want < 0 && i >= 0 {
			if !bytes.HasPrefix(c.buf, []byte("HTTP/1.1 200 ")) {
				return fmt.Errorf("the answer is %q", c.buf[:have])
			}
			want = i + 4 + answerBytes
		}
	}
	if have != want {
		return fmt.Errorf("%d bytes more than the answer", have-want)
	}
	return nil
}

// patience is for a measurement: a proxy that hangs ends the run.
const patience = 10 * time.Minute

// measure loads a target with n connections and watches it for a window.
func measure(ctx context.Context, open func(addr string, n int) ([]*client, error), t *target, n int, window time.Duration) (s sample, err error) {
	clients, err := open(t.addr, n)
	for _, c := range clients {
		defer func() { _ = c.part() }() // nothing is under way
		if err == nil {
			err = c.ask()
		}
	}
	if err != nil {
		return s, err
	}
	var stop, watched atomic.Bool
	var running sync.WaitGroup
	for _, c := range clients {
		running.Go(func() { c.run(&stop, &watched) })
	}
	err = pause(ctx, window/5)
	before, first, began := meter.Usage{}, count(clients), time.Now()
	if err == nil {
		if before, err = t.usage(); err == nil {
			first, began = count(clients), time.Now()
			watched.Store(true)
			err = pause(ctx, window)
			watched.Store(false)
		}
	}
	done, took := float64(count(clients)-first), time.Since(began)
	after, usageErr := t.usage()
	stop.Store(true)
	running.Wait()
	err = errors.Join(err, usageErr)
	var all [][]uint32
	for _, c := range clients {
		err = errors.Join(err, c.err)
		all = append(all, c.took)
	}
	times := sortedOf(all)
	if err != nil || len(times) == 0 {
		return s, errors.Join(err, errors.New("nothing was answered in the window"))
	}
	return sample{
		perSecond: done / took.Seconds(), cpu: float64((after.CPU - before.CPU).Nanoseconds()) / 1e3 / done,
		calls: float64(after.Calls-before.Calls) / done, p50: percentile(times, 50), p99: percentile(times, 99),
	}, nil
}

func count(clients []*client) (n int64) {
	for _, c := range clients {
		n += c.count.Load()
	}
	return n
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
