package session

import (
	"crypto/tls"
	"testing"
)

func TestCipherName(t *testing.T) {
	// Source of the names: openssl ciphers -stdname.
	for suite, want := range map[uint16]string{
		tls.TLS_AES_256_GCM_SHA384:                        "TLS_AES_256_GCM_SHA384",
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:         "ECDHE-RSA-AES128-GCM-SHA256",
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
		tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA:            "ECDHE-RSA-AES256-SHA",
		tls.TLS_RSA_WITH_AES_256_GCM_SHA384:               "AES256-GCM-SHA384",
	} {
		if got := cipherName(suite); got != want {
			t.Errorf("%s: %s, want %s", tls.CipherSuiteName(suite), got, want)
		}
	}
}
