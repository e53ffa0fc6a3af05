package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/heddle-mesh/heddle/sidecar/rpc/bolt"
	"github.com/heddle-mesh/heddle/sidecar/rpc/dubbo"
	"github.com/heddle-mesh/heddle/sidecar/rpc/mux"
	"github.com/heddle-mesh/heddle/sidecar/rpc/route"
)

// check has an endpoint be checked as k says from now on; nil: not any more. The set's mu is held.
func (s *Set) check(e *Endpoint, k *route.Check) {
	if s.over {
		k = nil
	}
	if k != nil && e.checking != nil && reflect.DeepEqual(e.checked, *k) {
		return
	}
	if e.checking != nil {
		e.checking()
		e.checking = nil
	}
	if k == nil {
		e.mu.Lock()
		e.health.ill, e.health.asked = "", false
		e.mu.Unlock()
		return
	}
	var ctx context.Context
	ctx, e.checking = context.WithCancel(context.Background())
	e.checked = *k
	s.checks.Go(func() { e.watch(ctx, k.WithDefaults()) })
}

// watch checks until ctx ends.
func (e *Endpoint) watch(ctx context.Context, k route.Check) {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(e.cluster.Load().Protocol != route.HTTP2)
	protocols.SetUnencryptedHTTP2(e.cluster.Load().Protocol == route.HTTP2) // as far as the library knows: reach encrypts
	client := &http.Client{
		Transport:     &http.Transport{Protocols: protocols, DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return e.reach(ctx) }},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for {
		err := e.ask(ctx, client, &k)
		if ctx.Err() != nil {
			return
		}
		if e.asked(&k, err) {
			e.cluster.Load().changed()
		}
		timer := time.NewTimer(time.Duration(float64(k.Interval) * (0.9 + 0.2*rand.Float64()))) // not all at once
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// reach connects for a check, encrypted where calls are.
func (e *Endpoint) reach(ctx context.Context) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.Address)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline() // none: no bound
	return e.encrypt(c, deadline)
}

// ask checks once. An error says what was wrong.
func (e *Endpoint) ask(ctx context.Context, client *http.Client, k *route.Check) error {
	ctx, cancel := context.WithTimeout(ctx, k.Timeout)
	defer cancel()
	if k.GRPC != nil {
		return e.askGRPC(ctx, client, k)
	}
	if k.Path == "" {
		c, err := e.reach(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }() // it was a question
		cluster := e.cluster.Load()
		if p := cluster.Described; p != nil && p.Beats() {
			return beat(ctx, c, p.AppendHeartbeat(nil, beatID), p.Split, func(f []byte) (bool, error) { return p.IsBeat(f, beatID) })
		}
		switch cluster.Protocol {
		case route.Bolt:
			return beat(ctx, c, bolt.AppendHeartbeat(nil, beatID), bolt.Split, isBoltBeat)
		case route.Dubbo:
			return beat(ctx, c, dubbo.AppendHeartbeat(nil, beatID), dubbo.Split, isDubboBeat)
		}
		return nil
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.Address+k.Path, nil)
	if err != nil {
		return err
	}
	q.Host = k.Host
	q.Header.Set("User-Agent", "heddle")
	res, err := client.Do(q)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("no answer within %v", k.Timeout)
		}
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // a server may want to have written it
	_ = res.Body.Close()                                         // the status has come
	if k.Status == nil && res.StatusCode/100 != 2 || k.Status != nil && !slices.Contains(k.Status, res.StatusCode) {
		return fmt.Errorf("GET %s: status %d", k.Path, res.StatusCode)
	}
	return nil
}

const (
	beatID      = 1
	longestBeat = 1 << 10 // or event of a server of Dubbo
)

// beat asks a server of a protocol of frames whether it is there. answers says whether a frame is the answer to that, or why it is none.
func beat[F ~[]byte](ctx context.Context, c net.Conn, question []byte, split mux.Split[F], answers func(F) (bool, error)) error {
	deadline, _ := ctx.Deadline() // a check has one
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := c.Write(question); err != nil {
		return fmt.Errorf("send a heartbeat: %w", err)
	}
	r := mux.NewReader(c, split, longestBeat, nil)
	defer r.Release()
	for {
		f, err := r.Next()
		if err != nil {
			return fmt.Errorf("the answer to a heartbeat: %w", err)
		}
		if f == nil {
			if err := r.More(); err != nil {
				return fmt.Errorf("no answer to a heartbeat: %w", err)
			}
			continue
		}
		if is, err := answers(f); is || err != nil {
			return err
		}
	}
}

var errNoBeat = errors.New("what answers a heartbeat is none")

func isBoltBeat(f bolt.Frame) (bool, error) {
	switch {
	case f.Type() != bolt.Answer || !f.Heartbeat() || f.ID() != beatID:
		return false, errNoBeat
	case f.Status() != bolt.Success:
		return false, fmt.Errorf("a heartbeat is answered with status %d", f.Status())
	}
	return true, nil
}

func isDubboBeat(f dubbo.Frame) (bool, error) {
	switch {
	case f.ReadOnly():
		return false, errParting
	case f.Request() && f.Event(): // the server has something to say of its own
		return false, nil
	case f.Request() || !f.Event() || f.ID() != beatID:
		return false, errNoBeat
	case f.Status() != dubbo.OK:
		return false, fmt.Errorf("a heartbeat is answered with status %d", f.Status())
	}
	return true, nil
}

// asked notes what a check has found, and returns whether the endpoint has gone up or down by it.
func (e *Endpoint) asked(k *route.Check, err error) (changed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := &e.health
	first := !h.asked
	h.asked = true
	if (err == nil) == (h.ill == "") {
		if h.row = 0; err != nil {
			h.ill = "the check: " + err.Error()
		}
		return false
	}
	h.row++
	switch {
	case err == nil && h.row >= k.Rise:
		h.ill = ""
		e.since.Store(time.Now().UnixNano())
		e.until, e.failed = time.Time{}, 0 // it can be connected to
	case err != nil && (first || h.row >= k.Fall):
		h.ill = "the check: " + err.Error()
	default:
		return false
	}
	h.row = 0
	return true
}
