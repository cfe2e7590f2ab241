"""한 컴퓨터에서 여는 수업의 JupyterHub 설정입니다. 쓰는 법과 시험한 결과는 docs/instructor.md의 'JupyterHub로'에 있습니다.

CLASS_PASSWORD=… TEACHER_PASSWORD=… jupyterhub -f docs/class/jupyterhub_config.py
"""

import os
import shutil
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parents[2]
HOMES = Path(
    os.environ.get("CLASS_HOMES") or Path.home() / "llmkit-class"
)  # 학습자마다 폴더 하나. progress가 이 폴더를 읽습니다.

HUB = HOMES / ".hub"  # 허브의 데이터베이스와 쿠키 비밀
HUB.mkdir(parents=True, exist_ok=True, mode=0o700)

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - JupyterHub가 줍니다.

c.JupyterHub.db_url = f"sqlite:///{HUB}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = str(HUB / "cookie_secret")

# 이름은 학습자가 정하고 비밀번호는 모두 같습니다. 강사(teacher)의 것은 다르고 32글자 이상이어야 합니다.
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = os.environ["CLASS_PASSWORD"]
c.SharedPasswordAuthenticator.admin_password = os.environ["TEACHER_PASSWORD"]
c.Authenticator.admin_users = {"teacher"}
c.Authenticator.allow_all = True
c.Authenticator.username_pattern = "[a-z][a-z0-9-]{1,30}"

# 시험용입니다. 모두가 한 사용자로 실행되어 서로의 파일을 볼 수 있습니다. 진짜 키를 쓰거나 모르는 사람이 오는 수업에서는 바꾸세요.
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = f"{HOMES}/{{username}}"

c.Spawner.cmd = [str(Path(sys.executable).with_name("jupyterhub-singleuser")), "--allow-root"]
c.Spawner.args = [
    "--MappingKernelManager.kernel_info_timeout=180"
]  # 기본은 60초. 모두가 한꺼번에 커널을 켤 때 모자랍니다.
c.Spawner.default_url = "/lab/tree/notebooks/01_basics.ipynb"
c.Spawner.start_timeout = 300  # 기본은 60초
c.Spawner.http_timeout = 180  # 기본은 30초
c.JupyterHub.concurrent_spawn_limit = 10  # 나머지는 잠깐 뒤에 다시 켜 달라는 화면을 봅니다.


def give_notebooks(spawner):  # type: ignore[no-untyped-def]
    """처음 들어온 학습자에게 노트북의 사본을 줍니다. 이미 있는 파일은 건드리지 않습니다."""
    mine = HOMES / spawner.user.name / "notebooks"
    mine.mkdir(parents=True, exist_ok=True)
    for file in sorted((COURSE / "notebooks").iterdir()):
        if file.is_file() and not (mine / file.name).exists():
            shutil.copy(file, mine / file.name)


c.Spawner.pre_spawn_hook = give_notebooks
