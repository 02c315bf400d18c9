from pathlib import Path


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write((Path(__file__).parents[2] / "LEAD_READ_ME.txt").read_text())
