package com.spkipinning

import android.content.ContentProvider
import android.content.ContentValues
import android.database.Cursor
import android.net.Uri

/**
 * Starts pinning before any code of the app runs: Android creates content providers before it calls
 * `Application.onCreate`. It provides nothing.
 *
 * Only in the app's main process. In another one with networking of its own, call [SpkiPinning.start] in
 * `Application.onCreate`.
 */
public class SpkiPinningInitializer : ContentProvider() {
    override fun onCreate(): Boolean {
        context?.let(SpkiPinning::start)
        return true
    }

    override fun query(
        uri: Uri,
        projection: Array<String>?,
        selection: String?,
        selectionArgs: Array<String>?,
        sortOrder: String?,
    ): Cursor? = null

    override fun getType(uri: Uri): String? = null

    override fun insert(uri: Uri, values: ContentValues?): Uri? = null

    override fun delete(uri: Uri, selection: String?, selectionArgs: Array<String>?): Int = 0

    override fun update(uri: Uri, values: ContentValues?, selection: String?, selectionArgs: Array<String>?): Int = 0
}
