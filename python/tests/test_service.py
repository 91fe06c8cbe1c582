"""What a script does with a real service: run by ``tests/e2e/python.rs``, which starts one.

The service is where ``EBB_BUS`` says, a server of files at ``EBB_TEST_URL``, a directory of the caller's at
``EBB_TEST_DIRECTORY``, and an account that is neither root nor the caller is ``EBB_TEST_OTHER``.
"""

import os
import pathlib
import pwd
import unittest
import uuid

import ebb

URL = os.environ["EBB_TEST_URL"]
DIRECTORY = pathlib.Path(os.environ["EBB_TEST_DIRECTORY"])
OTHER = os.environ["EBB_TEST_OTHER"]
PATIENCE = 60


class Story(unittest.TestCase):
    def setUp(self):
        self.client = ebb.Client()
        self.addCleanup(self.client.close)

    def assert_refused(self, name, function, *arguments):
        with self.assertRaises(ebb.Refused) as caught:
            function(*arguments)
        self.assertEqual(caught.exception.name, name)
        return caught.exception


class AsAnybody(Story):
    def test_a_download_from_its_creation_to_its_end(self):
        job = self.client.create_job("nightly", description="a story", priority=ebb.Priority.HIGH)
        self.assertEqual((job.state, job.priority), (ebb.State.SUSPENDED, "high"))
        self.assertEqual((job.owner_uid, job.type), (os.geteuid(), ebb.JobType.DOWNLOAD))
        self.assertEqual(job.add_file(f"{URL}/file", DIRECTORY / "first"), 0)
        odd = os.fsdecode(os.fsencode(DIRECTORY) + b"/\xff")
        more = ebb.NewFile(f"{URL}/file", odd, ranges=[(0, 10), (20, 5)])
        self.assertEqual(job.add_files([more]), 1)
        with self.assertRaises(ebb.TimedOut):
            job.wait(timeout=0.01)

        job.notify_flags = ebb.NotifyFlags.TRANSFERRED | ebb.NotifyFlags.FILE_TRANSFERRED
        with job.notifications() as told, self.client.notices() as notices:
            job.resume()
            self.assertEqual(job.wait(PATIENCE), ebb.State.TRANSFERRED)
            heard = [told.next(PATIENCE) for _ in range(3)]
            kinds = [(notification.kind, notification.file) for notification in heard]
            self.assertEqual(kinds[2], ("transferred", None))
            self.assertEqual(sorted(kinds[:2]), [("file-transferred", 0), ("file-transferred", 1)])
            self.client.acknowledge(heard[2].number)
            while True:
                notice = notices.next(PATIENCE)
                self.assertIsNotNone(notice)
                if isinstance(notice, ebb.StateChanged) and notice.state == "transferred":
                    self.assertEqual(notice.job_id, job.id)
                    break

        files = job.files()
        self.assertEqual([file.local_name for file in files], [str(DIRECTORY / "first"), odd])
        self.assertEqual(files[1].ranges, [ebb.Range(0, 10), ebb.Range(20, 5)])
        self.assertEqual(job.filled_file_ranges(0), [(0, files[0].bytes_total)])
        self.assertIn("content-length", [name.lower() for name, _ in job.file_headers(0)])
        info = job.properties()
        self.assertEqual((info.files_transferred, info.bytes_transferred), (2, info.bytes_total))
        self.assertEqual(info.state, ebb.State.TRANSFERRED)
        self.assertIsNotNone(info.transfer_completed)
        kinds = [event.kind for event in job.changes_since(0).events]
        self.assertIn("transferred", kinds)
        self.assertEqual(job.complete(), ebb.Outcome.DONE)
        self.assertEqual(job.wait(PATIENCE), ebb.State.ACKNOWLEDGED)
        whole = (DIRECTORY / "first").read_bytes()
        self.assertEqual(pathlib.Path(odd).read_bytes(), whole[:10] + whole[20:25])
        self.assertNotIn(job.id, [job.id for job in self.client.jobs()])
        self.assertIn(job.id, [job.id for job in self.client.jobs(finished=True, name="nightly")])

    def test_a_job_that_completes_itself_is_waited_for_to_its_end(self):
        job = self.client.create_job("by itself", auto_complete=True)
        job.add_file(f"{URL}/file", DIRECTORY / "by-itself")
        job.resume()
        self.assertEqual(job.wait(PATIENCE), ebb.State.ACKNOWLEDGED)
        self.assertTrue((DIRECTORY / "by-itself").exists())

    def test_a_failure_has_a_name_a_number_a_context_and_a_hint(self):
        job = self.client.create_job("missing")
        job.add_file(f"{URL}/nothing-here", DIRECTORY / "missing")
        job.resume()
        with self.assertRaises(ebb.JobFailed) as caught:
            job.wait(PATIENCE)
        error = caught.exception
        self.assertEqual((error.name, error.code), ("http-404", 0x80190194))
        self.assertEqual((error.context, bool(error.hint)), ("remote-file", True))
        self.assertEqual((error.info.http_status, error.info.file), (404, 0))
        self.assertEqual(job.error_file().remote_name, f"{URL}/nothing-here")
        self.assertEqual(job.error_protocol(), "http")
        self.assertEqual(self.client.describe_error("http-404").code, error.code)
        self.assertTrue(self.client.describe_error_context(error.context).sentence)
        owed = [event.job_id for event in self.client.unacknowledged().events]
        self.assertIn(job.id, owed)
        self.assertEqual(job.set_remote_name(0, f"{URL}/file"), None)
        self.assertEqual(job.replace_remote_prefix(URL, URL), 1)
        self.assertEqual(job.cancel(), ebb.Outcome.DONE)
        with self.assertRaises(ebb.JobCancelled):
            job.wait(PATIENCE)

    def test_what_is_refused_is_an_exception_of_its_kind(self):
        nobody = self.client.job(str(uuid.uuid4()))
        with self.assertRaises(ebb.NotFound) as caught:
            nobody.resume()
        self.assertEqual((caught.exception.name, caught.exception.code), ("not-found", 0x80200001))
        self.assertTrue(caught.exception.hint)
        self.assertRaises(ebb.NotFound, self.client.get_job, str(uuid.uuid4()))
        job = self.client.create_job("refusals")
        self.assert_refused("empty", job.resume)
        self.assert_refused("error-information-unavailable", job.error)
        self.assert_refused("file-not-found", job.file_headers, 7)
        with self.assertRaises(ValueError):
            job.priority = "urgent"
        with self.assertRaises(AttributeError):
            job.state = ebb.State.QUEUED
        with self.assertRaises(TypeError):
            job.request_file_ranges("first", [])
        self.assert_refused("access-denied", job.take_ownership)
        self.assertEqual(self.client.get_job(job.id).id, job.id)
        job.cancel()
        self.assertRaises(ebb.InvalidState, job.suspend)

    def test_every_property_that_can_be_set_is_read_back_as_it_was_set(self):
        job = self.client.create_job("properties", file_mode=0o600)
        self.assertEqual(job.file_mode, 0o600)
        values = dict(
            display_name="Größe",
            description="x",
            priority=ebb.Priority.LOW,
            minimum_retry_delay=7,
            no_progress_timeout=8,
            maximum_download_time=9,
            auto_complete=True,
            notify_flags=ebb.NotifyFlags.ERROR,
            notify_command=[],
            minimum_notification_interval=10,
            proxy_settings=ebb.ProxySettings(ebb.ProxyUsage.OVERRIDE, "proxy:1", "*.example"),
            cost_flags=1,
            dynamic_content=True,
            high_performance=True,
            maximum_download_size=11,
            bandwidth_limit=12,
            on_demand_mode=False,
            use_stored_credentials="",
            http_method="GET",
            security_flags=ebb.SecurityFlags.REPORT_REDIRECTS,
            file_mode=0o640,
            file_group=os.getegid(),
        )
        for name, value in values.items():
            setattr(job, name, value)
            self.assertEqual(getattr(job, name), value, name)
        info = job.properties()
        for name, value in values.items():
            self.assertEqual(getattr(info, name), value, name)
        job.maximum_download_size = job.bandwidth_limit = job.file_group = None
        self.assertIsNone(job.properties().maximum_download_size)
        self.assertIsNone(job.properties().bandwidth_limit)
        job.cancel()

    def test_what_is_entrusted_to_a_job_crosses_and_is_never_read_back(self):
        job = self.client.create_job("entrusted")
        job.set_custom_headers(["X-Key: one"])
        self.assertEqual(job.custom_headers(), ["X-Key: one"])
        job.make_custom_headers_write_only()
        self.assertRaises(ebb.AccessDenied, job.custom_headers)
        job.set_credentials("server", "basic", "me", "hünter2")
        job.set_credentials("proxy", "negotiate")
        self.assertTrue(job.remove_credentials("server", "basic"))
        self.assertFalse(job.remove_credentials("server", "basic"))
        self.assertIsNone(job.client_certificate())
        job.set_client_certificate("/there/cert.pem", passphrase=b"secret")
        shown = job.client_certificate()
        self.assertEqual(shown, ("pem", "/there/cert.pem", "", True))
        self.assertTrue(job.remove_client_certificate())
        self.assertEqual(job.authorities(), (b"", False))
        job.set_authorities(b"-----BEGIN", alone=True)
        self.assertEqual(job.authorities(), (b"-----BEGIN", True))
        job.set_authorities("")
        self.assertEqual(job.authorities().pem, b"")
        job.cancel()

    def test_a_job_is_asked_in_pieces_judged_and_explained(self):
        job = self.client.create_job("in pieces", on_demand_mode=True)
        job.add_file(f"{URL}/file", DIRECTORY / "pieces")
        job.request_file_ranges(0, [(5, 10)])
        job.resume()
        with self.client.notices() as notices:
            # With all that was requested it stands still until it is resumed.
            while job.state is not ebb.State.SUSPENDED:
                self.assertIsNotNone(notices.next(PATIENCE))
        self.assertEqual(job.filled_file_ranges(0), [(5, 10)])
        lines = {line.condition: line for line in job.explain()}
        self.assertIn("state", lines)
        self.assert_refused("pending", job.set_validation_state, 0, True)
        job.on_demand_mode = False
        job.update_download_position(0, 100)
        job.resume()
        self.assertEqual(job.wait(PATIENCE), ebb.State.TRANSFERRED)
        job.set_validation_state(0, True)
        self.assertTrue(job.files()[0].valid)
        job.cancel()

    def test_the_service_says_what_it_is(self):
        status = self.client.status()
        self.assertEqual((status.version, status.instance), (self.client.version, self.client.instance))
        self.assertGreater(status.files_per_job, 0)
        self.assertGreaterEqual(self.client.changes_since(0).newest, 0)

    def test_a_service_that_has_gone_is_told_apart(self):
        self.client.close()
        self.assertRaises(ebb.NotReachable, self.client.status)

    def test_nobody_but_root_becomes_somebody_else(self):
        if os.geteuid() == 0:
            self.skipTest("this is root")
        job = self.client.create_job("not lent")
        self.assertRaises(ebb.ImpersonationError, job.lend, OTHER)
        self.assertFalse(job.helper_token_set)
        # One's own identity is one's own to lend.
        with job.lend(flags=ebb.TokenFlags.LOCAL_FILE) as loan:
            self.assertEqual(loan.identity.uid, os.geteuid())
            self.assertEqual(job.helper_token_flags, ebb.TokenFlags.LOCAL_FILE)
        self.assertEqual((job.helper_token_set, job.helper_token_flags), (False, 0))
        job.cancel()


class AsRoot(Story):
    def setUp(self):
        super().setUp()
        self.other = pwd.getpwnam(OTHER)

    def download(self, job, name):
        job.add_file(f"{URL}/{name}", DIRECTORY / name)
        job.resume()
        self.assertEqual(job.wait(PATIENCE), ebb.State.TRANSFERRED)

    def test_root_lends_a_users_identity_with_one_call(self):
        job = self.client.create_job("lent by root")
        with job.lend(OTHER, flags=ebb.TokenFlags.NETWORK) as loan:
            self.assertEqual(loan.identity, ebb.HelperIdentity(self.other.pw_uid, OTHER))
            self.assertEqual(job.helper_token_uid, self.other.pw_uid)
            self.download(job, "lent")
            job.complete()
        self.assertEqual(os.geteuid(), 0)
        self.assertEqual((DIRECTORY / "lent").stat().st_uid, 0)

    def test_an_administrator_changes_the_policy_and_takes_that_back(self):
        self.client.set_policy("background-slots", "5")
        self.assertIn(ebb.PolicySetting("background-slots", "5", None), self.client.policy())
        self.assert_refused("invalid-policy-value", self.client.set_policy, "background-slots", "0")
        self.assert_refused("unknown-policy", self.client.set_policy, "admin-groups", "root")
        self.client.set_policy("background-slots", "")
        self.assertNotIn(None, [setting.file for setting in self.client.policy()])

    def test_a_process_that_has_changed_its_effective_user_lends_that(self):
        job = self.client.create_job("impersonated")
        groups = os.getgroups()
        with job.token_options() as options:
            os.setgroups(os.getgrouplist(OTHER, self.other.pw_gid))
            os.setegid(self.other.pw_gid)
            os.seteuid(self.other.pw_uid)
            try:
                options.set_helper_token()
            finally:
                os.seteuid(0)
                os.setegid(0)
                os.setgroups(groups)
            # What is asked over the connection that was open before is still root's to ask.
            options.set_flags(ebb.TokenFlags.NETWORK)
            self.assertEqual(options.identity(), (self.other.pw_uid, OTHER))
            self.assertEqual(options.flags(), ebb.TokenFlags.NETWORK)
            self.download(job, "impersonated")
            options.clear()
            self.assertIsNone(options.identity())
        job.complete()

    def test_what_cannot_be_lent_is_said_and_nothing_is_left(self):
        job = self.client.create_job("nobody")
        with self.assertRaises(ebb.ImpersonationError) as caught:
            job.lend("no-such-user-here")
        self.assertIn("no user", str(caught.exception))
        self.assertFalse(job.helper_token_set)
        options = job.token_options()
        options.close()
        self.assertRaises(ebb.NotFound, options.set_helper_token, OTHER)
        job.cancel()


if __name__ == "__main__":
    unittest.main()
