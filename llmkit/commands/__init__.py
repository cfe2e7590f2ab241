"""`python -m llmkit`의 명령들: doctor, estimate, record, drift."""
