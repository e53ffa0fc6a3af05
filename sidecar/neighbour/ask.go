package neighbour

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/proxy/session"
)

// maxAnswer bounds what one instance may answer, bytes: more than its clients can be.
const maxAnswer = 64 << 20

// Kill has the instance that gave the id end the session, or its statement.
func (n *Neighbours) Kill(by session.Identity, id uint32, query bool) error {
	peer, found := n.owner(id)
	if !found {
		return sqlerr.NoSuchThread(uint64(id))
	}
	ctx, cancel := context.WithTimeout(context.Background(), killWait)
	defer cancel()
	var a killAnswer
	if err := n.ask(ctx, peer, "/kill", killRequest{asker: askerOf(by), ID: id, Query: query}, &a); err != nil {
		return sqlerr.PeerSilent(peer.Name, fmt.Sprintf("whether KILL %d was done is not known", id))
	}
	if a.Code != 0 {
		return &sqlerr.Error{Code: a.Code, State: a.State, Msg: a.Message}
	}
	return nil
}

// List are the sessions of all other instances that an account sees, and the names of those instances that did not answer.
func (n *Neighbours) List(by session.Identity) (all []session.Info, silent []string) {
	peers := n.others()
	answers := make([]listAnswer, len(peers))
	errs := make([]error, len(peers))
	ctx, cancel := context.WithTimeout(context.Background(), listWait)
	defer cancel()
	var asking errgroup.Group
	asking.SetLimit(atOnce)
	for i, peer := range peers {
		asking.Go(func() error {
			errs[i] = n.ask(ctx, peer, "/sessions", askerOf(by), &answers[i])
			return nil // one that is silent takes nothing from the others
		})
	}
	_ = asking.Wait() // see above
	now := time.Now()
	for i, peer := range peers {
		if errs[i] != nil {
			silent = append(silent, peer.Name)
			continue
		}
		for _, c := range answers[i].Sessions {
			all = append(all, c.info(now))
		}
	}
	slices.Sort(silent)
	return all, silent
}

// ask puts one question to an instance.
func (n *Neighbours) ask(ctx context.Context, peer record, path string, question, answer any) error {
	if peer.Address == "" {
		return errors.New("neighbour: the instance tells no address")
	}
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("ask %s: %w", peer.Name, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+peer.Address+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask %s: %w", peer.Name, err)
	}
	res, err := n.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", peer.Name, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s: %s", peer.Name, res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(answer); err != nil {
		return fmt.Errorf("the answer of %s: %w", peer.Name, err)
	}
	return nil
}

// dialer connects to an address, where the instance has to be that the store has there.
func (n *Neighbours) dialer(cert tls.Certificate) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		d := tls.Dialer{Config: &tls.Config{
			Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
			InsecureSkipVerify: true, // no authority has signed it: the fingerprint is compared
			VerifyConnection: func(state tls.ConnectionState) error {
				n.mu.Lock()
				defer n.mu.Unlock()
				print := shown(state)
				if !slices.ContainsFunc(n.last, func(r record) bool { return r.Address == address && r.Fingerprint == print && print != "" }) {
					return fmt.Errorf("neighbour: who listens on %s is another than the store has there", address)
				}
				return nil
			},
		}}
		return d.DialContext(ctx, network, address)
	}
}
