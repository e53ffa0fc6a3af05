//go:build unix

package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"
)

// testCertificate makes a certificate for loopback that signs itself.
func testCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// socketPair is a client's and its server's end of a TCP connection.
func socketPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close() // the tests close it too
		_ = server.Close()
	})
	return client, server
}

// What a client has sent when it leaves says whether it has left something to be done.
func TestGone(t *testing.T) {
	packet := func(payload string) string { return string([]byte{byte(len(payload)), 0, 0, 0}) + payload }
	quit := packet("\x01")
	tests := []struct {
		name  string
		sends string
		close bool
		gone  bool
	}{
		{"waits", "", false, false},
		{"closes", "", true, true},
		{"says goodbye", quit, true, true},
		{"has left a COMMIT", packet("\x03COMMIT"), true, false},
		{"has left a COMMIT and a goodbye", packet("\x03COMMIT") + quit, true, false},
		{"has left a ping", packet("\x0e"), false, false},
	}
	for _, kind := range []struct {
		name   string
		config *tls.Config
	}{
		{"plain", nil},
		{"TLS 1.3", &tls.Config{MinVersion: tls.VersionTLS13}},
		{"TLS 1.2 GCM", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}},
		{"TLS 1.2 ChaCha20", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}},
	} {
		for _, test := range tests {
			t.Run(kind.name+"/"+test.name, func(t *testing.T) {
				client, raw := socketPair(t)
				var one line
				if !one.socket.open(raw) {
					t.Fatal("a TCP socket cannot be looked at")
				}
				if kind.config != nil {
					client, one.record = secure(t, client, raw, kind.config)
				}
				if _, err := client.Write([]byte(test.sends)); err != nil {
					t.Fatal(err)
				}
				if test.close {
					if err := client.Close(); err != nil {
						t.Fatal(err)
					}
				}
				want := arrives(test.sends, test.close, one.record, kind.config != nil)
				for deadline := time.Now().Add(30 * time.Second); ; { // what is sent to loopback may take its time
					pending, open := one.socket.peek()
					if len(pending) == want && (want > 0 || open != test.close) {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("%d bytes have arrived of %d", len(pending), want)
					}
				}
				if one.gone() != test.gone {
					t.Errorf("gone is %v", !test.gone)
				}
				if pending, _ := one.socket.peek(); len(pending) != want {
					t.Errorf("%d bytes are left of %d: looking took some", len(pending), want)
				}
			})
		}
	}
}

// arrives is how many bytes the server's socket gets.
func arrives(sends string, closes bool, record int, secured bool) int {
	n := len(sends)
	if !secured {
		return n
	}
	if n > 0 {
		n += recordHeader + record
	}
	if closes {
		n += recordHeader + record + alertContent
	}
	return n
}

func secure(t *testing.T, client, raw net.Conn, config *tls.Config) (net.Conn, int) {
	t.Helper()
	config = config.Clone()
	config.Certificates, config.InsecureSkipVerify = []tls.Certificate{testCertificate(t)}, true
	inside, served := tls.Client(client, config), tls.Server(raw, config)
	done := make(chan error, 1)
	go func() { done <- inside.Handshake() }()
	if err := served.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return inside, recordOverhead(served.ConnectionState())
}
