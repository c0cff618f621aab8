"""PPP: LCP, PAP, CHAP and IPCP as sans-IO engines (RFC 1661, 1334, 1994, 1332, 1877)."""
