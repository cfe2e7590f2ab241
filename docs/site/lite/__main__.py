"""브라우저에서 여는 강좌(JupyterLite)를 만듭니다. 설치할 것도 서버도 없이, 폴더 하나를 정적 파일로 내놓으면 됩니다.

    python -m docs.site.lite [폴더]      # 기본은 build/lite
    python -m docs.site.lite lock        # requirements/lite-page.txt를 다시 만듭니다

필요한 것: `pip install -r requirements/lite.txt`와 npm(Pyodide의 런타임이 npm 패키지입니다).
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from . import build, wheels

arguments = sys.argv[1:]
if arguments == ["lock"]:
    with TemporaryDirectory() as folder:
        wheels.write_lock(build.fetch_runtime(Path(folder))["packages"])
else:
    build.build(Path(*arguments or [wheels.ROOT / "build" / "lite"]).resolve())
